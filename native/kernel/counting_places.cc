#include "counting_places.h"

#include <array>

namespace dropscope {
namespace {

// From `grep -rn core_stats_ net drivers/net include` in Linux 6.1, and netdev_core_stats_inc() in
// later ones. A static function may have been compiled into its callers, which then stand here,
// too. No test provokes those that are marked with a star.
constexpr std::array kFunctions = {
    CountingFunction{{"__netif_receive_skb_core"}, PLACE_RECEIVE},
    CountingFunction{{"enqueue_to_backlog"}, PLACE_RX},
    CountingFunction{{"tun_get_user"}, PLACE_RX},              // *
    CountingFunction{{"gro_cells_receive"}, PLACE_RX},         // *
    CountingFunction{{"ipvlan_multicast_enqueue"}, PLACE_RX},  // *
    CountingFunction{{"rmnet_rx_handler"}, PLACE_NOHANDLER},   // *
    CountingFunction{{"ip_rcv_core"}, PLACE_OTHERHOST},
    CountingFunction{{"ip_rcv"}, PLACE_OTHERHOST},         // *
    CountingFunction{{"ip_list_rcv"}, PLACE_OTHERHOST},    // *
    CountingFunction{{"ip6_rcv_core"}, PLACE_OTHERHOST},   // *
    CountingFunction{{"ipv6_rcv"}, PLACE_OTHERHOST},       // *
    CountingFunction{{"ipv6_list_rcv"}, PLACE_OTHERHOST},  // *
    CountingFunction{{"tun_net_xmit"}, PLACE_TX},
    CountingFunction{{"__dev_direct_xmit"}, PLACE_TX},  // *
    CountingFunction{{"generic_xdp_tx"}, PLACE_TX},     // *
    CountingFunction{{"__dev_queue_xmit"}, PLACE_QUEUE},
    CountingFunction{{"__dev_kfree_skb_any"}, PLACE_MASTER},       // * until 6.6
    CountingFunction{{"dev_kfree_skb_any_reason"}, PLACE_MASTER},  // *
    CountingFunction{{"__dev_forward_skb2"}, PLACE_FORWARD},
    CountingFunction{{"__dev_forward_skb"}, PLACE_FORWARD},           // *
    CountingFunction{{"dev_forward_skb"}, PLACE_FORWARD},             // *
    CountingFunction{{"dev_forward_skb_nomtu"}, PLACE_FORWARD},       // *
    CountingFunction{{"macvlan_broadcast_enqueue"}, PLACE_RX_AFTER},  // *
    CountingFunction{{"macvlan_handle_frame"}, PLACE_RX_AFTER},
    CountingFunction{{"validate_xmit_skb"}, PLACE_TX_AFTER},
    CountingFunction{{"validate_xmit_skb_list"}, PLACE_TX_AFTER},  // *
    CountingFunction{{"validate_xmit_xfrm"}, PLACE_TX_AFTER},      // *
    CountingFunction{{"netkit_xmit"}, PLACE_NETKIT},
};

}  // namespace

std::span<const CountingFunction> counting_functions() { return kFunctions; }

}  // namespace dropscope
