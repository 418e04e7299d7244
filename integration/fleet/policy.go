// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/policies"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// policy is a way to choose servers.
type policy struct {
	name string
	make func() pool.Policy
}

// hashed returns the policies by which nodes may agree without talking.
func (s size) hashed() []policy {
	ring := policies.Hashing{HashType: policies.HashType{Type: "consistent"}}
	return []policy{
		{"maglev", func() pool.Policy { return &policies.Maglev{TableSize: s.TableSize} }},
		{"hash consistent", func() pool.Policy { return &policies.Hash{Key: "src", Hashing: ring} }},
		{"hash map_based", func() pool.Policy { return &policies.Hash{Key: "src"} }},
	}
}

// local are those that depend on what a node itself has done.
var local = []policy{
	{"roundrobin", func() pool.Policy { return new(policies.RoundRobin) }},
	{"leastconn", func() pool.Policy { return new(policies.LeastConn) }},
	{"random", func() pool.Policy { return new(policies.Random) }},
}

// opened numbers the pools, so that each is a backend of its own.
var opened int

// registry has all pools: one that is dropped would keep the counts of its servers.
var registry pool.Registry

// open returns a pool of servers behind the policy.
func (p policy) open(servers []pool.ServerConfig) (*pool.Pool, error) {
	made := p.make()
	if module, ok := made.(caddy.Provisioner); ok {
		if err := module.Provision(caddy.Context{Context: context.Background()}); err != nil {
			return nil, fmt.Errorf("provisioning %s: %w", p.name, err)
		}
	}
	opened++
	all, err := registry.Open(pool.Config{Backend: fmt.Sprint(p.name, " ", opened), Policy: made, Servers: servers})
	if err != nil {
		return nil, fmt.Errorf("opening a pool of %s: %w", p.name, err)
	}
	return all, nil
}

// source returns the address of a client.
func source(client int) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 100<<24+uint32(client))
	return netip.AddrFrom4(b)
}

// chosen returns the address of the server that a pool chooses for a client.
func chosen(p *pool.Pool, client int, r *pool.Request) (string, error) {
	r.Reset()
	r.Source = source(client)
	l, err := p.Acquire(context.Background(), r)
	if err != nil {
		return "", fmt.Errorf("choosing the server of client %d: %w", client, err)
	}
	name := l.Server.Name
	l.Release(pool.Served)
	return name, nil
}
