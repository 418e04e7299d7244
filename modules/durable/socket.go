// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"context"
	"net"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// sockets holds every kernel socket in use, by canonical address. Its lock is held
// while a socket is opened and closed, so that whoever attaches during a last close
// finds either a socket that lives on or an address that is free.
var (
	socketsMu sync.Mutex
	sockets   = make(map[address]*socket)
)

// socket is one kernel socket and its users. While several users are attached, as
// in the overlap of a reload, any of them may get a connection.
type socket struct {
	key   address
	ln    net.Listener  // the kernel socket
	conns chan net.Conn // unbuffered: what is not taken stays in the accept goroutine's hand
	idle  chan struct{} // closed with the last user
	done  chan struct{} // closed when the accept goroutine has ended

	users int   // guarded by socketsMu
	err   error // what ended the accept goroutine; read after done
}

// attach adds a user to the socket of addr, which it opens if there is none. With
// port 0 the kernel picks a free port, so it always opens one, and those who ask
// for that port share it afterwards.
func attach(ctx context.Context, addr address, cfg net.ListenConfig) (*socket, error) {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	s := sockets[addr]
	if s == nil {
		own := inherited(cfg)
		ln, err := own.Listen(ctx, networks[addr.network], addr.tcp)
		if err != nil {
			return nil, err
		}
		if bound, ok := ln.Addr().(*net.TCPAddr); ok && strings.HasSuffix(addr.tcp, ":0") {
			addr.tcp = canonical(bound).String()
		}
		s = newSocket(addr, newAcceptor(ln))
		sockets[s.key] = s
		go s.run()
	}
	s.users++
	return s, nil
}

func newSocket(key address, ln net.Listener) *socket {
	return &socket{
		key:   key,
		ln:    ln,
		conns: make(chan net.Conn),
		idle:  make(chan struct{}),
		done:  make(chan struct{}),
	}
}

// detach takes one user away. With the last one the kernel socket is closed when
// detach returns; a connection in the accept goroutine's hand is closed too.
func (s *socket) detach() {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	s.users--
	if s.users > 0 {
		return
	}
	s.remove()
	close(s.idle)
}

// end records what ended the accept goroutine and lets every user know. The next
// attach opens a new socket.
func (s *socket) end(err error) {
	socketsMu.Lock()
	lost := s.users > 0
	s.err = err
	s.remove()
	close(s.done)
	socketsMu.Unlock()
	// After unlocking: where the log goes may be slow.
	if lost {
		logger().Error("listening socket lost", zap.Stringer("address", s.key), zap.Error(err))
	}
}

// remove closes the kernel socket and frees its address. A second call changes
// nothing. The caller holds socketsMu.
func (s *socket) remove() {
	// A successor may hold the address by now.
	if sockets[s.key] == s {
		delete(sockets, s.key)
	}
	_ = s.ln.Close()
}
