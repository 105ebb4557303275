# Builds each frame that a line of standard input describes, as JSON, and prints its bytes in hex.
# The fields are those of EthernetFrame; bytes are texts in hex. Scapy knows nothing of dropscope.
import json
import sys

from scapy.contrib.lldp import (
    LLDPDUChassisID,
    LLDPDUEndOfLLDPDU,
    LLDPDUPortID,
    LLDPDUSystemName,
    LLDPDUTimeToLive,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import ARP, LLC, SNAP, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Raw


def given(fields, **names):
    """What is given, under Scapy's names."""
    return {names[field]: value for field, value in fields.items() if field in names}


def raw(fields):
    data = bytes.fromhex(fields.get("payload", ""))
    return Raw(data) if data else None


def join(*layers):
    packet = None
    for layer in layers:
        if layer is not None:
            packet = layer if packet is None else packet / layer
    return packet


def udp(fields):
    names = dict(sourcePort="sport", destinationPort="dport", length="len", checksum="chksum")
    return join(UDP(**given(fields, **names)), raw(fields))


def tcp(fields):
    layer = TCP(
        **given(
            fields,
            sourcePort="sport",
            destinationPort="dport",
            sequence="seq",
            acknowledgment="ack",
            window="window",
            urgentPointer="urgptr",
            dataOffset="dataofs",
            checksum="chksum",
        )
    )
    layer.flags = "".join("C" if flag == "cwr" else flag[0].upper() for flag in fields["flags"])
    layer.options = [("NOP", None)] * (len(fields.get("options", "")) // 2)
    return join(layer, raw(fields))


def icmp(fields):
    names = dict(type="type", code="code", identifier="id", sequence="seq", checksum="chksum")
    return join(ICMP(**given(fields, **names)), raw(fields))


def icmp6(fields):
    echo = {128: ICMPv6EchoRequest, 129: ICMPv6EchoReply}[fields["type"]]
    names = dict(code="code", identifier="id", sequence="seq", checksum="cksum")
    return echo(data=bytes.fromhex(fields.get("payload", "")), **given(fields, **names))


def ip_content(fields, icmp_layer):
    for name, build in dict(udp=udp, tcp=tcp, icmp=icmp_layer).items():
        if name in fields:
            return build(fields[name])
    return raw(fields)


def ipv4(fields):
    layer = IP(
        **given(
            fields,
            source="src",
            destination="dst",
            version="version",
            headerLength="ihl",
            totalLength="len",
            identification="id",
            fragmentOffset="frag",
            ttl="ttl",
            protocol="proto",
            checksum="chksum",
        )
    )
    layer.tos = fields.get("dscp", 0) << 2 | fields.get("ecn", 0)
    flags = dict(moreFragments="MF", dontFragment="DF", reserved="evil")
    layer.flags = "+".join(name for flag, name in flags.items() if fields.get(flag))
    layer.options = [IPOption_NOP()] * (len(fields.get("options", "")) // 2)
    return join(layer, ip_content(fields, icmp))


def ipv6(fields):
    names = dict(
        source="src",
        destination="dst",
        version="version",
        trafficClass="tc",
        flowLabel="fl",
        payloadLength="plen",
        nextHeader="nh",
        hopLimit="hlim",
    )
    return join(IPv6(**given(fields, **names)), ip_content(fields, icmp6))


def arp(fields):
    names = dict(
        operation="op",
        senderMac="hwsrc",
        senderIp="psrc",
        targetMac="hwdst",
        targetIp="pdst",
        hardwareType="hwtype",
        protocolType="ptype",
        hardwareLength="hwlen",
        protocolLength="plen",
    )
    return ARP(**given(fields, **names))


def llc(fields):
    layer = LLC(dsap=fields.get("dsap", 0xAA), ssap=fields.get("ssap", 0xAA), ctrl=fields.get("control", 3))
    snap = fields.get("snap")
    header = snap and SNAP(**given(snap, oui="OUI", type="code"))
    return join(layer, header, raw(fields))


def lldp(fields):
    name = fields.get("systemName")
    return join(
        LLDPDUChassisID(subtype=4, id=fields["chassisId"]),
        LLDPDUPortID(subtype=5, id=fields["portId"]),
        LLDPDUTimeToLive(ttl=fields["ttl"]),
        name and LLDPDUSystemName(system_name=name),
        LLDPDUEndOfLLDPDU(),
    )


CONTENT = dict(
    arp=(0x0806, arp), ipv4=(0x0800, ipv4), ipv6=(0x86DD, ipv6), llc=(None, llc), lldp=(0x88CC, lldp)
)


def frame(fields):
    kind = next((kind for kind in CONTENT if kind in fields), None)
    ether_type, build = CONTENT[kind] if kind else (None, raw)
    content = build(fields[kind] if kind else fields)
    ether_type = fields.get("etherType", ether_type)
    if ether_type is None:
        length = fields["llc"].get("length", len(bytes(content)))
    addresses = dict(src=fields["source"], dst=fields["destination"])
    if ether_type is None and "vlan" not in fields:
        header = Dot3(len=length, **addresses)
    else:
        header = Ether(**addresses)
    tags = fields.get("vlan", [])
    header_types = [0x88A8] * (len(tags) - 1) + [0x8100] if tags else []
    layers = [header]
    for tag, protocol in zip(tags, header_types):
        layers[-1].type = protocol
        kind_of_tag = Dot1AD if protocol == 0x88A8 else Dot1Q
        layers.append(kind_of_tag(vlan=tag["id"], prio=tag["priority"], id=int(tag["dei"])))
    if ether_type is not None:
        layers[-1].type = ether_type
    elif tags:
        layers[-1].type = length
    packet = bytes(join(*layers, content))
    return packet.ljust(60 + 4 * len(tags), b"\0")


for line in sys.stdin:
    print(frame(json.loads(line)).hex())
