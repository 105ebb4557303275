#pragma once

#include <cstdint>
#include <memory>

#include "frame_sender.h"
#include "network_namespace.h"

namespace dropscope {

// How frames go out, or come in.
enum class Engine : uint8_t { kSendmmsg, kAfXdp, kLiveFrames, kReceiveLiveFrames };

// What sends single frames; queue: of kAfXdp. Of live frames, only those that are received are ever
// single.
std::unique_ptr<FrameSender> open_frame_sender(Engine engine,
                                               const NetworkNamespace& network_namespace,
                                               int ifindex, uint32_t queue);

}  // namespace dropscope
