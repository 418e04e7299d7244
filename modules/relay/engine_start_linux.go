// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
)

// startOnEngine gives the session to a shard if both connections are sockets.
func (s *Session) startOnEngine(client, server net.Conn, first []byte, header int, o *Options, owner Owner) bool {
	if !isSocket(client) || !isSocket(server) || s.extra().held != nil && s.more.held.blocks {
		return false
	}
	from, fromAt, to, toAt, ok := takeBoth(client, server)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	es, now := &s.engine, clock()
	es.options = o
	es.state, es.firstFin = running, Proxy
	counts.engine.Add(1)
	es.sides[Client].fd, es.sides[Server].fd = int32(from), int32(to)
	for i, c := range [...]net.Conn{client, server} {
		es.sides[i].active.Store(now)
		es.sides[i].put(unixSocket, isUnix(c))
	}
	sent := sentTo(server)
	s.setMoved(int64(sent - header))
	if s.extra().cause != nil { // End was called before
		fromAt.release()
		toAt.release()
		s.more.owner = owner
	} else if err := s.watch(fromAt, toAt, owner); err != nil {
		s.setCause(Result{By: Proxy, Cause: Failed, Err: err})
	}
	if s.extra().cause != nil {
		s.finish(nil)
		return true
	}
	if first = first[sent:]; len(first) > 0 {
		s.write(nil, Client, first, now)
	}
	s.arm()
	if s.extra().held != nil && es.state == running {
		s.inspectHeld(nil, false, now)
	}
	return true
}

// watch makes one shard watch both sides, each of which a shard may watch already.
func (s *Session) watch(client, server pollSlot, owner Owner) error {
	es := &s.engine
	sh, slot, err := s.takeSlot(client, server)
	if es.slot = slot; slot == 0 {
		s.extend().owner = owner
	} else {
		es.shardID = sh.id
		s.setOwner(owner)
	}
	for i, at := range [...]pollSlot{client, server} {
		of := Side(i)
		e := &es.sides[of]
		e.put(watchedOut, at.watchedOut)
		here, watched := s.pollSlotOf(of), at.slot != 0 && at.shard == sh
		if at.slot != 0 && !watched {
			at.unwatch(int(e.fd))
		} else if at.slot != es.slot {
			at.release()
		}
		switch {
		case err != nil: // nothing more can be done
		case watched:
			err = here.rearm(int(e.fd), of)
		default:
			err = here.watch(int(e.fd), of)
		}
	}
	return err
}

// takeSlot gives the session the slot in which a shard watches one of the sides, or else a new one.
func (s *Session) takeSlot(client, server pollSlot) (sh *shard, slot int32, err error) {
	sh, slot = client.shard, client.slot
	if slot == 0 && (server.slot != 0 || sh == nil) {
		sh, slot = server.shard, server.slot
	}
	if slot != 0 {
		sh.replace(slot, s)
		return sh, slot, nil
	}
	if sh == nil {
		if sh, err = nextShard(); err != nil {
			return nil, 0, err
		}
	}
	return sh, sh.add(s), nil
}

func (s *Session) pollSlotOf(of Side) pollSlot {
	es := &s.engine
	return pollSlot{shard: es.shard(), slot: es.slot, watchedOut: es.sides[of].has(watchedOut)}
}

func isOwn(c net.Conn) bool {
	_, own := c.(*Socket)
	return own
}

func isUnix(c net.Conn) bool {
	if s, own := c.(*Socket); own {
		_, is := s.remote.(*net.UnixAddr)
		return is
	}
	_, is := c.(*net.UnixConn)
	return is
}

// takeBoth takes both descriptors or neither. It duplicates one first, as there may be no
// descriptor left for that.
func takeBoth(client, server net.Conn) (from int, fromAt pollSlot, to int, toAt pollSlot, ok bool) {
	if isOwn(client) {
		if to, toAt, ok = takeFD(server); !ok {
			return 0, fromAt, 0, toAt, false
		}
		if from, fromAt, ok = takeFD(client); !ok { // it is closed
			closeFD(to)
		}
		return from, fromAt, to, toAt, ok
	}
	if from, fromAt, ok = takeFD(client); !ok {
		return 0, fromAt, 0, toAt, false
	}
	if to, toAt, ok = takeFD(server); !ok {
		closeFD(from)
	}
	return from, fromAt, to, toAt, ok
}

// takeFD takes a descriptor of a connection for the session, and returns where it is watched.
func takeFD(c net.Conn) (fd int, at pollSlot, ok bool) {
	if s, ok := c.(*Socket); ok {
		return s.detachFD()
	}
	raw, ok := Raw(c)
	if !ok {
		return 0, at, false
	}
	fd = -1
	_ = raw.Control(func(of uintptr) { fd = duplicate(int(of)) })
	return fd, at, fd >= 0
}

// sentTo returns how many of the first bytes a server has been sent.
func sentTo(server net.Conn) int {
	if s, ok := server.(*Socket); ok {
		return s.sent
	}
	return 0
}
