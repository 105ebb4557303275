#pragma once

#include <napi.h>

namespace dropscope {

void export_drop_tracer(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
