{
  "targets": [
    {
      "target_name": "dropscope",
      "sources": [
        "native/addon.cc",
        "native/kernel/bpf_call.cc",
        "native/kernel/counting_places.cc",
        "native/kernel/delivery.cc",
        "native/kernel/driver_parts.cc",
        "native/kernel/drop_tracer.cc",
        "native/kernel/drop_tracer_skeleton.c",
        "native/kernel/engine.cc",
        "native/kernel/flood.cc",
        "native/kernel/frame_sequence.cc",
        "native/kernel/link_changes.cc",
        "native/kernel/link_gate.cc",
        "native/kernel/link_monitor.cc",
        "native/kernel/link_stats.cc",
        "native/kernel/link_table.cc",
        "native/kernel/live_frames.cc",
        "native/kernel/live_frames_skeleton.c",
        "native/kernel/live_receiver.cc",
        "native/kernel/live_sender.cc",
        "native/kernel/load_skeleton.c",
        "native/kernel/netlink_socket.cc",
        "native/kernel/network_namespace.cc",
        "native/kernel/pacing.cc",
        "native/kernel/packet_sender.cc",
        "native/kernel/packet_socket.cc",
        "native/kernel/process_monitor.cc",
        "native/kernel/receive_sender.cc",
        "native/kernel/replay.cc",
        "native/kernel/ring_reader.cc",
        "native/kernel/sequence_sender.cc",
        "native/kernel/talker_tables.cc",
        "native/kernel/xdp_sender.cc",
        "native/node/drop_tracer.cc",
        "native/node/flood.cc",
        "native/node/link_monitor.cc",
        "native/node/link_table.cc",
        "native/node/live_receiver.cc",
        "native/node/netlink_socket.cc",
        "native/node/packet_socket.cc",
        "native/node/process_monitor.cc",
        "native/node/replay.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "<(SHARED_INTERMEDIATE_DIR)"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_ENABLE_TYPE_CHECK_ON_AS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17"],
      "cflags_cc": ["-std=c++20", "-fexceptions"],
      # Node.js unloads it with the last worker that has it, and calls back what is being closed after that.
      "ldflags": ["-Wl,-z,nodelete"],
      "actions": [
        {
          "action_name": "drop_tracer_skeleton",
          "inputs": ["native/bpf/build_skeleton.sh", "native/bpf/drop_tracer.bpf.c", "native/bpf/tracer.h", "native/bpf/links.h", "native/bpf/devices.h", "native/bpf/places.h", "native/bpf/counters.h", "native/bpf/pairs.h", "native/bpf/questions.h", "native/bpf/frame.h", "native/bpf/talkers.h", "native/bpf/kernel_types.h", "native/kernel/drop_record.h", "native/kernel/counting_place.h", "native/kernel/talker_set.h"],
          "outputs": ["<(SHARED_INTERMEDIATE_DIR)/drop_tracer.lskel.h"],
          "action": ["sh", "native/bpf/build_skeleton.sh", "<(SHARED_INTERMEDIATE_DIR)", "drop_tracer"]
        },
        {
          "action_name": "live_frames_skeleton",
          "inputs": ["native/bpf/build_skeleton.sh", "native/bpf/live_frames.bpf.c", "native/kernel/live_frames_plan.h", "native/kernel/varied_field.h"],
          "outputs": ["<(SHARED_INTERMEDIATE_DIR)/live_frames.lskel.h"],
          "action": ["sh", "native/bpf/build_skeleton.sh", "<(SHARED_INTERMEDIATE_DIR)", "live_frames"]
        }
      ]
    }
  ]
}
