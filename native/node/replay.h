#pragma once

#include <napi.h>

namespace dropscope {

void export_replay(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
