#pragma once

#include <napi.h>

namespace dropscope {

void export_netlink_socket(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
