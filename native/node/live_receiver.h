#pragma once

#include <napi.h>

namespace dropscope {

void export_live_receiver(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
