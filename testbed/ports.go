package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are picked below 32768, where Linux begins to give out ports for outgoing
// connections: a port that was free a moment ago is not taken by one of those.
const (
	firstPort = 10000
	lastPort  = 29999
	claimPort = 9999 // see podNetwork
)

// portKind says what a port is for.
type portKind string

const (
	portEtcd          portKind = "etcd"
	portEtcdPeer      portKind = "etcd-peer"
	portAPIServer     portKind = "kube-apiserver"
	portKubelet       portKind = "kubelet"
	portMetricsServer portKind = "metrics-server"
	portIssuer        portKind = "oidc-issuer"
)

// ports are a cluster's ports. Each is held open until just before its component
// starts, so that two clusters that start at the same time do not pick the same.
type ports struct {
	numbers map[portKind]int
	held    map[portKind]net.Listener
}

// pickPorts finds random free ports of 127.0.0.1 and holds them.
func pickPorts() (*ports, error) {
	p := &ports{numbers: map[portKind]int{}, held: map[portKind]net.Listener{}}
	for _, kind := range []portKind{portEtcd, portEtcdPeer, portAPIServer, portKubelet, portMetricsServer, portIssuer} {
		var last error
		for range 1000 {
			number := firstPort + rand.IntN(lastPort-firstPort+1)
			listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
			if err != nil {
				last = err
				continue
			}
			p.numbers[kind], p.held[kind] = number, listener
			break
		}
		if p.held[kind] == nil {
			p.release()
			return nil, fmt.Errorf("no free port on 127.0.0.1 between %d and %d for %s; the last try said: %w",
				firstPort, lastPort, kind, last)
		}
	}
	return p, nil
}

// release lets go of the ports given, or of all.
func (p *ports) release(kinds ...portKind) {
	if len(kinds) == 0 {
		for kind := range p.held {
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		if listener := p.held[kind]; listener != nil {
			listener.Close()
			delete(p.held, kind)
		}
	}
}

// take gives away the listener that holds a port.
func (p *ports) take(kind portKind) net.Listener {
	listener := p.held[kind]
	delete(p.held, kind)
	return listener
}

func (p *ports) number(kind portKind) string { return strconv.Itoa(p.numbers[kind]) }

func (p *ports) address(kind portKind) string { return net.JoinHostPort("127.0.0.1", p.number(kind)) }

// podNetwork is the network that a cluster takes its pods' addresses from. It is
// part of 127.0.0.0/8, all of which is this machine, so a program can listen on a
// pod's address. Clusters that run side by side must not share one: each claims
// its own by listening on its last address.
type podNetwork struct {
	cidr  string
	claim net.Listener
}

// pickPodNetwork claims one of the networks 127.64.0.0/16 to 127.254.0.0/16, or
// takes the one given.
func pickPodNetwork(given string) podNetwork {
	if given != "" {
		return podNetwork{cidr: given}
	}
	const first, count = 64, 191
	begin := rand.IntN(count)
	for i := range count {
		second := first + (begin+i)%count
		claim, err := net.Listen("tcp4", fmt.Sprintf("127.%d.255.254:%d", second, claimPort))
		if err == nil {
			return podNetwork{cidr: fmt.Sprintf("127.%d.0.0/16", second), claim: claim}
		}
	}
	// Something holds the claim port on every address: a collision is then possible, and unlikely.
	return podNetwork{cidr: fmt.Sprintf("127.%d.0.0/16", first+begin)}
}

func (n podNetwork) release() {
	if n.claim != nil {
		n.claim.Close()
	}
}
