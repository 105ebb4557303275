#pragma once

#include <napi.h>

namespace dropscope {

void export_packet_socket(Napi::Env env, Napi::Object exports);

}  // namespace dropscope
