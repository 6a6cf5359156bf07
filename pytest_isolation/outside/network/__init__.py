"""Who reaches whom over a network: by address, by name, and by what a machine of the same LAN sends and hears.

listeners.py   sockets of the host, which decide whether somebody came through to it
addresses.py   those that a box has on its links, and its host there
published.py   the ports of a box that its host answers for
patience.py    how long is waited for what may never come
links.py       links of one example, and a process of ours in the network namespace of a box
lan.py         a LAN beside the host, with a machine of ours on it
neighbour.py   a machine of ours on a link that the host has
sending.py     the first packet of each protocol, sent without a right
hearing.py     a packet socket that hears frames of ours alone
netlink.py     messages to the kernel; rtnetlink.py: those about links and routes, tracked.py: those of netfilter
ipv6.py        which addresses a process has, and when they can be used
vsock.py       the network between a virtual machine and its host
"""
