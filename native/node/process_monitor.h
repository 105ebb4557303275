#pragma once

#include <napi.h>

namespace dropscope {

void export_process_monitor(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
