// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Dial connects to a server and sends first as soon as it is connected: Start does not send that
// again. A timeout of zero means that only the system's applies. If o.Client is a Socket, one shard
// watches both. The errors are those of package net. It is safe for concurrent use.
func Dial(to netip.AddrPort, o DialOptions, first []byte) (net.Conn, error) {
	s := &Socket{remote: net.TCPAddrFromAddrPort(to)}
	if err := s.dial(to, &o, first); err != nil {
		_ = s.Close()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: s.RemoteAddr(), Err: err}
	}
	return s, nil
}

func (s *Socket) dial(to netip.AddrPort, o *DialOptions, first []byte) (err error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if s.fd, err = startConnect(to, o.outgoing(len(first) > 0)); err != nil {
		return err
	}
	if len(first) > 0 {
		// A server on this system has answered by now. A remote one has not: that costs one call more.
		s.sent, err = sendFirst(s.fd, first, 0, o.isFast())
		if err != unix.EAGAIN { //nolint:errorlint // an Errno
			return os.NewSyscallError("connect", err)
		}
	}
	return s.awaitDial(o, first)
}

// outgoing returns how to begin the connection. first reports whether bytes follow at once.
func (o *DialOptions) outgoing(first bool) outgoing {
	return outgoing{keepAlive: o.KeepAlive && !o.Socket.replacesKeepAlive(), first: first, options: o.Socket, client: o.ClientAddr}
}

// isFast reports whether the first bytes may go with the SYN.
func (o *DialOptions) isFast() bool { return o.Socket != nil && o.Socket.FastOpen }

// sendFirst sends the first bytes, or none, to find out whether a connection is established. EAGAIN
// means not yet; with another error it never will be. It returns the number of bytes sent. With
// fast, they may go with the SYN, and then the server has not answered yet: sent is their number,
// from the call before.
func sendFirst(fd int, first []byte, sent int, fast bool) (int, error) {
	if sent == 0 {
		n, err := write(fd, first)
		if sent = max(0, n); !fast || sent == 0 {
			if fast && err == unix.EINPROGRESS { //nolint:errorlint // an Errno
				err = unix.EAGAIN
			}
			return sent, err
		}
	}
	_, err := write(fd, nil)
	return sent, err
}

// pendingDial is a connection that is not established yet. It is guarded by the socket's lock.
type pendingDial struct {
	first            []byte
	fast             bool  // first may go with the SYN
	deadline, slowAt int64 // when to give up, and when to call Slow; 0: never
	isSlow           bool  // Slow is to be called now
	done             bool  // established, or failed
	err              error
}

// awaitDial waits until the connection is established and the shard has sent first.
func (s *Socket) awaitDial(o *DialOptions, first []byte) error {
	d := &pendingDial{first: first, fast: o.isFast()}
	if err := s.startDial(d, o); err != nil {
		return err
	}
	for {
		select {
		case <-s.out.ready:
		case <-o.Cancel:
			return net.ErrClosed
		}
		s.mu.Lock()
		over, err, slow := d.done, d.err, d.isSlow
		d.isSlow = false
		s.mu.Unlock()
		if over {
			return err
		}
		if slow {
			o.Slow()
		}
	}
}

// startDial makes a shard watch for the connection.
func (s *Socket) startDial(d *pendingDial, o *DialOptions) error {
	var shard *shard
	if near, ok := o.Client.(*Socket); ok {
		shard = near.watchedBy()
	}
	now := clock()
	if o.Timeout > 0 {
		d.deadline = now + int64(o.Timeout)
	}
	if o.Slow != nil && (o.Timeout <= 0 || o.Timeout > slowConnect) {
		d.slowAt = now + int64(slowConnect)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialing, s.poll.shard = d, shard
	if err := s.watch(&s.out); err != nil {
		return err
	}
	s.arm()
	return nil
}

// arm sets the timer of a connection that is not established yet. The caller holds the lock, as for
// the methods that follow.
func (s *Socket) arm() {
	if next := s.dialing.nextCheck(); next != 0 {
		s.poll.shard.setTimer(s.poll.slot, next)
	}
}

func (d *pendingDial) nextCheck() int64 {
	if d.slowAt != 0 {
		return d.slowAt
	}
	return d.deadline
}

// finishDial sends the first bytes if the connection is established.
func (s *Socket) finishDial() {
	n, err := sendFirst(s.fd, s.dialing.first, s.sent, s.dialing.fast)
	s.sent = n
	if err == unix.EAGAIN { //nolint:errorlint // an Errno
		return
	}
	s.dialDone(os.NewSyscallError("connect", err))
}

// dialDone records how dialing ended, and wakes Dial.
func (s *Socket) dialDone(err error) {
	s.dialing.done, s.dialing.err, s.dialing.first = true, err, nil
	s.dialing = nil
	s.out.wake()
}

// timerFired calls Slow, or gives up, if dialing has taken too long. A connection that was
// established in time succeeds even if that is noticed only now.
func (s *Socket) timerFired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, now := s.dialing, clock()
	if d == nil || s.fd < 0 {
		return
	}
	if d.slowAt != 0 && now >= d.slowAt {
		d.slowAt, d.isSlow = 0, true
		s.out.wake()
	}
	if d.deadline != 0 && now >= d.deadline {
		if s.finishDial(); s.dialing != nil {
			s.dialDone(os.ErrDeadlineExceeded)
		}
		return
	}
	s.arm()
}
