// SPDX-License-Identifier: Apache-2.0

package peering

import (
	"context"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/peers"
)

// handle is a section of the process, which the configurations that have it share.
type handle struct {
	name  string
	group *peers.Group
	users int // guarded by registry.mu

	mu   sync.Mutex
	said map[string]string // the last log line about each peer
}

// registry holds the sections by name.
var registry struct {
	mu       sync.Mutex
	sections map[string]*handle
}

// open returns the section of that name.
func open(name string) *handle {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	h := registry.sections[name]
	if h == nil {
		if registry.sections == nil {
			registry.sections = make(map[string]*handle)
		}
		h = &handle{name: name, said: make(map[string]string)}
		h.group = peers.New(h.log)
		registry.sections[name] = h
	}
	h.users++
	return h
}

func (h *handle) close() {
	registry.mu.Lock()
	h.users--
	unused := h.users == 0
	if unused {
		delete(registry.sections, h.name)
	}
	registry.mu.Unlock()
	if unused {
		h.group.Close()
	}
}

// Status is the state of a section.
type Status struct {
	// Name is the name of the section.
	Name string `json:"name"`
	peers.Status
}

// All returns the state of the sections, sorted by name.
func All() []Status {
	registry.mu.Lock()
	sections := maps.Clone(registry.sections)
	registry.mu.Unlock()
	all := make([]Status, 0, len(sections))
	for _, name := range slices.Sorted(maps.Keys(sections)) {
		all = append(all, Status{name, sections[name].group.Status()})
	}
	return all
}

// Connected returns the number of peers with a connection.
func Connected() (n int) {
	for _, section := range All() {
		for _, p := range section.Peers {
			if p.Connected {
				n++
			}
		}
	}
	return n
}

// configure makes the section like one of a configuration.
func (h *handle) configure(s *Section, all []peers.Table) {
	c := peers.Config{Local: s.Local, Tables: all}
	for _, p := range s.Peers {
		c.Peers = append(c.Peers, peers.Peer{Name: p.Name, Address: p.Address, Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", p.Address)
		}})
	}
	h.group.Configure(c)
}

// serve serves the connections of a listener until it is closed.
func (h *handle) serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go h.group.Accept(conn)
	}
}

// log writes a line when the state of a peer changes.
func (h *handle) log(e peers.Event) {
	line := e.What
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	h.mu.Lock()
	isNew := h.said[e.Peer] != line
	if len(h.said) >= maxSaid {
		clear(h.said)
	}
	h.said[e.Peer] = line
	h.mu.Unlock()
	if !isNew {
		return
	}
	fields := []zap.Field{zap.String("section", h.name), zap.String("peer", e.Peer), zap.Error(e.Err)}
	log := caddy.Log().Named("passthrough.peers")
	switch e.What {
	case peers.Up:
		log.Info("peer is connected", fields...)
	case peers.Down:
		log.Warn("connection with peer has ended", fields...)
	default:
		log.Warn("no connection with peer", fields...)
	}
}

// maxSaid bounds the addresses of unknown peers that are remembered.
const maxSaid = 1000
