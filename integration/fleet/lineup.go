// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// lineup is the servers at some time.
type lineup struct {
	servers []pool.ServerConfig
	next    int // number of the next server that joins
	random  *rand.Rand
}

// newLineup returns n servers.
func newLineup(n int) *lineup {
	l := &lineup{random: randomOf(1)}
	for range n {
		l.join()
	}
	return l
}

// join adds a server. Its name and number depend on its address alone, as for agreement they must.
func (l *lineup) join() {
	address := fmt.Sprintf("10.%d.%d.%d:443", l.next>>16&255, l.next>>8&255, l.next&255)
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(address))
	l.servers = append(l.servers, pool.ServerConfig{Name: address, Address: address, ID: int(hash.Sum32()>>1) + 1, Weight: 1})
	l.next++
}

// leave removes one server.
func (l *lineup) leave() {
	i := l.random.IntN(len(l.servers))
	l.servers = slices.Delete(l.servers, i, i+1)
}

// change makes the change of a number: a server leaves after another has joined.
func (l *lineup) change(n int) {
	if n%2 == 0 {
		l.join()
	} else {
		l.leave()
	}
}

// shuffled returns the servers in another order: no two nodes need list them alike.
func (l *lineup) shuffled() []pool.ServerConfig {
	list := slices.Clone(l.servers)
	l.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}
