#pragma once

#include <napi.h>

namespace dropscope {

void export_link_table(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
