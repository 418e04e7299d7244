// SPDX-License-Identifier: Apache-2.0

// Package preconnect keeps connections to servers ready, so that a client does not have to wait for
// the round trip of a connect. A goroutine for each Keeper connects, closes connections that are
// too old, and notices those that servers have closed; Take only takes one. Nothing is sent or
// read. The package knows nothing of Caddy or of balancing: its user decides how many connections a
// server may have, and how to connect.
package preconnect

import (
	"net"
	"sync"
	"time"
)

// Config says what to keep.
type Config struct {
	// Count is the number of connections to keep ready for each server.
	Count int
	// MaxAge is the age at which a connection that has not been used is closed and replaced.
	MaxAge time.Duration
	// Servers are those to connect to. Their names must differ.
	Servers []Server
}

// Server is a server to keep connections to.
type Server struct {
	Name string
	// Room returns how many connections the server may have besides those in use; below zero: any
	// number. 0 closes those that are ready. It is called by the Keeper's goroutine.
	Room func() int
	// Connect connects. It is called in a goroutine of its own, and must give up once done is closed.
	Connect func(done <-chan struct{}) (net.Conn, error)
}

// checkInterval is the time between two checks of the connections.
const checkInterval = time.Second

// Keeper keeps connections to servers. It is safe for concurrent use.
type Keeper struct {
	config  Config
	targets map[string]*target
	wake    chan struct{}
	done    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// Start makes a Keeper and starts it. Before that, it takes over the connections that another
// Keeper, which may be nil, has ready for those servers of the same name for which keeps returns
// true.
func Start(c Config, before *Keeper, keeps func(server string) bool) *Keeper {
	k := &Keeper{config: c, targets: make(map[string]*target, len(c.Servers)), wake: make(chan struct{}, 1), done: make(chan struct{})}
	for i := range c.Servers {
		s := &c.Servers[i]
		k.targets[s.Name] = &target{Server: s, life: c.MaxAge, maxAge: c.MaxAge}
		if before != nil && keeps(s.Name) {
			k.targets[s.Name].ready = before.release(s.Name)
		}
	}
	k.running.Go(k.run)
	return k
}

// Stop closes the connections that are ready, and waits until all goroutines have ended. It is
// idempotent. Take returns nil afterwards. A nil Keeper has nothing to stop.
func (k *Keeper) Stop() {
	if k == nil {
		return
	}
	k.once.Do(func() { close(k.done) })
	k.running.Wait()
}

// Take returns the newest ready connection to a server, which the caller owns from then on, or nil.
// It does not wait. A nil Keeper is without connections.
func (k *Keeper) Take(server string) net.Conn {
	if k == nil {
		return nil
	}
	t := k.targets[server]
	if t == nil {
		return nil
	}
	conn := t.take()
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return conn
}

// Ready returns how many connections to a server are ready.
func (k *Keeper) Ready(server string) int {
	if k == nil || k.targets[server] == nil {
		return 0
	}
	t := k.targets[server]
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.ready)
}

// release gives up the connections to a server, and keeps none from then on.
func (k *Keeper) release(server string) []connection {
	t := k.targets[server]
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ready := t.ready
	t.ready, t.closed = nil, true
	return ready
}

// run keeps the connections until Stop is called.
func (k *Keeper) run() {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		for _, t := range k.targets {
			for range t.lack(k.config.Count, time.Now()) {
				k.running.Go(func() { t.connect(k.done) })
			}
		}
		select {
		case <-k.done:
			for _, t := range k.targets {
				t.close()
			}
			return
		case <-k.wake:
		case <-ticker.C:
			for _, t := range k.targets {
				t.check(time.Now())
			}
		}
	}
}
