#pragma once

#include <napi.h>

namespace dropscope {

void export_flood(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
