// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// settle checks that no part waits for an event that was missed.
func (m *arrivalSim) settle() {
	for range 12 {
		m.poll()
		if m.relays {
			m.clientReads()
			m.serverReads(1 << 20)
		}
	}
	over := m.until != 0 && time.Since(m.began) >= m.until
	switch {
	case m.crashes || m.closes:
		if m.poll(); len(m.results) == 0 && !m.closes {
			m.errorf("it has not ended")
		}
	case m.ended && len(m.results) == 0:
		m.errorf("it does not end")
	case m.ended || len(m.results) > 0 || m.clientClosed || m.server < 0 && m.relays:
	case m.relays && (len(m.serverGot) != len(m.clientSent) || len(m.clientGot) != len(m.serverSent)):
		m.errorf("the server has %d of %d bytes, the client %d of %d", len(m.serverGot), len(m.clientSent), len(m.clientGot), len(m.serverSent))
	case m.relays && (m.clientFin && !m.ends["server"] || m.serverFin && !m.ends["client"]):
		m.errorf("an end was not passed on: %v", m.ends)
	case m.relays:
	case m.did == Await && !over && m.clientFin && !m.finished:
		m.errorf("no Finished for the client's end")
	case m.did == Await && !over && len(m.hello) != len(m.clientSent):
		m.errorf("%d of %d bytes were read", len(m.hello), len(m.clientSent))
	case m.did == Connect && m.how == thereLater && m.padding == 0:
		m.errorf("no Connected for the server")
	case m.did == Connect && m.abortOnClose && m.clientFin && m.left == 0 && time.Since(m.latest) > slowConnect+4<<tickBits:
		m.errorf("no Left for the client's end")
	}
}

// finish ends both sides in order, and checks the results.
func (m *arrivalSim) finish() {
	for range 200 {
		if len(m.results) > 0 {
			break
		}
		m.clientFinishes()
		m.clientReads()
		m.serverReads(1 << 20)
		m.serverFinishes()
		m.poll()
		m.sleep(time.Second)
		m.poll()
	}
	for range 100 { // bytes left in the sockets
		m.clientReads()
		m.serverReads(1 << 20)
	}
	m.sleep(2 * time.Hour)
	m.poll()
	m.judge()
	m.clientCloses()
	m.serverCloses()
}

func (m *arrivalSim) judge() {
	switch {
	case len(m.results) != 1:
		m.errorf("ended %d times: %+v", len(m.results), m.results)
		return
	case !bytes.HasPrefix(m.clientSent, m.serverGot):
		m.errorf("the server got %d bytes that are not what the client sent", len(m.serverGot))
	case m.relays && !bytes.HasPrefix(m.serverSent, m.clientGot):
		m.errorf("the client got %d bytes that are not what the server sent", len(m.clientGot))
	}
	r := m.results[0]
	var crash *PanicError
	switch {
	case m.crashes && !errors.As(r.Err, &crash) && !m.ended:
		m.errorf("a panic ended as %+v", r)
	case r.Cause == Ended && (!m.ended || r.By != Proxy || r.Reason != "drained"):
		m.errorf("it was not ended from outside: %+v", r)
	case r.Cause == Failed && !m.crashes:
		m.errorf("failed: %v", r.Err)
	case r.Cause == Closed && m.relays && (int(r.In) != len(m.serverGot) || int(r.Out) != len(m.clientGot)) && !m.clientClosed:
		m.errorf("counted %d in, %d out, of %d and %d", r.In, r.Out, len(m.serverGot), len(m.clientGot))
	case r.Cause == Closed && m.relays && !m.clientClosed && (len(m.serverGot) != len(m.clientSent) || len(m.clientGot) != len(m.serverSent)):
		m.errorf("in: %d of %d, out: %d of %d", len(m.serverGot), len(m.clientSent), len(m.clientGot), len(m.serverSent))
	case r.Cause == Closed && !m.relays && (!m.closes || r.By != Proxy):
		m.errorf("closed without a step Close: %+v", r)
	}
	m.sh.mu.Lock()
	defer m.sh.mu.Unlock()
	for slot, w := range m.sh.slots {
		if w != nil {
			m.errorf("slot %d still has %T", slot, w)
		}
	}
	if !m.sh.wheel.empty() {
		m.errorf("a timer is left")
	}
}

// enter and leave begin and end each method of the handler.
func (m *arrivalSim) enter(what string, args ...any) {
	m.synchronize()
	m.logf(what, args...)
	if m.inside {
		m.errorf("two calls at a time")
	}
	if len(m.results) > 0 || m.detached && !m.relays {
		m.errorf("%s after the end", what)
	}
	m.inside = true
}

func (m *arrivalSim) leave() {
	m.inside = false
	m.synchronize()
}

func (m *arrivalSim) maybePanic() {
	if m.rng.IntN(150) == 0 {
		m.logf("panic")
		m.crashes = true
		panic("on purpose")
	}
}

// Buffer implements Handler.
func (m *arrivalSim) Buffer() []byte {
	m.enter("Room")
	defer m.leave()
	m.maybePanic()
	return m.room
}

// Next implements Handler.
func (m *arrivalSim) Next(n News) (step Step) {
	m.enter("%d %d %v", n.Event, n.N, n.Err)
	defer m.leave()
	m.seen[fmt.Sprint("event ", n.Event)]++
	defer func() {
		if n.Event != Left || step.Do != Await { // else it goes on connecting
			m.did, m.abortOnClose = step.Do, step.AbortOnClose
		}
	}()
	defer func() { m.logf("  step %d manner %d", step.Do, step.Manner) }()
	m.maybePanic()
	if m.rng.IntN(150) == 0 {
		m.s.End("drained")
		m.ended = true
	}
	if n.Event == Arrived == m.arrived {
		m.errorf("arrived: %v, before: %v", n.Event == Arrived, m.arrived)
	}
	switch n.Event {
	case Arrived:
		if m.arrived = true; m.rng.IntN(10) == 0 {
			m.until = 0
			return m.whatNow(m.connect)
		}
		step := m.await()
		if step.Until.IsZero() && m.until != 0 {
			step.Until = m.began.Add(m.until)
		}
		return step
	case Received:
		m.hello, m.lastRead = append(m.hello, m.room[:n.N]...), time.Now()
		if !bytes.HasPrefix(m.clientSent, m.hello) {
			m.errorf("read bytes that the client has not sent")
		}
		if len(m.hello) < m.whole {
			return m.maybeDetach(m.await())
		}
		return m.whatNow(m.connect)
	case Expired:
		if m.expired++; m.expired > 1 || m.until == 0 || time.Since(m.began) < m.until || time.Since(m.began) > m.until+4<<tickBits {
			m.errorf("expired %d times, after %v of %v", m.expired, time.Since(m.began), m.until)
		}
		if len(m.hello) != len(m.clientSent) && m.lastRead.Sub(m.began) < m.until {
			m.errorf("expired without a read of bytes that had come")
		}
		if m.rng.IntN(3) == 0 {
			return m.await()
		}
		return m.whatNow(m.connect)
	case Finished:
		m.finished = true
		if !m.clientFin {
			m.errorf("the client has not finished")
		}
		if m.rng.IntN(2) == 0 { // despite the end
			return m.whatNow(m.connect)
		}
		return m.whatNow(m.close)
	case Broken:
		if !m.clientClosed {
			m.errorf("the client has not closed: %v", n.Err)
		}
		return m.whatNow(m.close)
	case Refused:
		if m.tries > 4 {
			return m.whatNow(m.close)
		}
		return m.whatNow(m.connect)
	case Left:
		if m.left++; m.left > 1 || !m.clientFin || time.Since(m.first) < slowConnect || (n.Err != nil) != (n.Err != nil && m.clientClosed) {
			m.errorf("left %d times, after %v: %v", m.left, time.Since(m.first), n.Err)
		}
		if m.rng.IntN(3) == 0 {
			return Step{}
		}
		return m.whatNow(m.close)
	case Connected:
		return m.whatNow(func() Step {
			m.relays = true
			step := Step{Do: Relay, Options: simOptions}
			if m.rng.IntN(2) == 0 {
				step.Owner = m
			}
			return step
		})
	}
	m.errorf("unknown event")
	return Step{}
}

// await waits for the next event, sometimes until another time than before.
func (m *arrivalSim) await() Step {
	if m.rng.IntN(4) != 0 {
		return Step{}
	}
	d := time.Duration(1+m.rng.IntN(3000)) * time.Millisecond
	m.until, m.expired = time.Since(m.began)+d, 0
	m.logf("  until %v", m.until)
	return Step{Until: m.began.Add(m.until)}
}

// whatNow mostly returns the step of most.
func (m *arrivalSim) whatNow(most func() Step) Step {
	switch m.rng.IntN(12) {
	case 0:
		return m.close()
	case 1:
		if client, server, ok := m.s.Detach(); ok {
			m.startDetached(client, server)
		}
		return Step{}
	default:
		return most()
	}
}

func (m *arrivalSim) close() Step {
	m.closes = true
	step := Step{Do: Close, Manner: Manner(m.rng.IntN(3))}
	if m.rng.IntN(2) == 0 {
		step.Last = []byte("alert")
	}
	return step
}

func (m *arrivalSim) connect() Step {
	m.latest = time.Now()
	if m.tries++; m.tries == 1 {
		m.first = m.latest
	}
	step := Step{Do: Connect, First: m.hello, AbortOnClose: m.rng.IntN(2) == 0}
	step.To = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 2}), uint16(m.rng.IntN(int(kindsOfConnects))))
	if len(m.hello) == 0 { // nothing is written, and these sockets look connected
		step.To = netip.AddrPortFrom(step.To.Addr(), uint16(atOnceThere))
	}
	if how := dialOutcome(step.To.Port()); how == neverThere || m.rng.IntN(2) == 0 {
		step.Timeout = time.Duration(1+m.rng.IntN(3000)) * time.Millisecond
	}
	return step
}

// maybeDetach sometimes goes on without a handler, and else returns step.
func (m *arrivalSim) maybeDetach(step Step) Step {
	if m.rng.IntN(30) != 0 {
		return step
	}
	client, server, ok := m.s.Detach()
	if ok == m.ended {
		m.errorf("detached: %v, ended: %v", ok, m.ended)
	}
	if ok {
		m.startDetached(client, server)
	}
	return Step{}
}

func (m *arrivalSim) startDetached(client, server net.Conn) {
	m.logf("detached, with a server: %v", server != nil)
	m.detached, m.relays = true, true
	if server == nil {
		m.serverCloses()
		m.serverSent, m.serverGot = nil, nil // from a server that was given up
		near, far := m.pair()
		m.server = far
		server = &Socket{fd: near, remote: new(net.UnixAddr), poll: pollSlot{shard: m.sh}}
	}
	if m.rng.IntN(2) == 0 {
		m.s = new(Session)
	}
	if m.s.Start(client, server, bytes.Clone(m.hello), simOptions, m) != nil {
		m.errorf("it is copied")
	}
}

// Answered implements Owner.
func (m *arrivalSim) Answered() {
	m.synchronize()
	defer m.synchronize()
	m.logf("answered")
	if m.answered++; m.answered > 1 || !m.relays || len(m.results) > 0 {
		m.errorf("answered %d times", m.answered)
	}
}

// Ended implements Owner.
func (m *arrivalSim) Ended(r Result) {
	m.synchronize()
	defer m.synchronize()
	m.logf("ended %+v", r)
	if m.inside && !m.crashes && !m.detached {
		m.errorf("ended inside of a call")
	}
	m.results = append(m.results, r)
	m.seen[fmt.Sprint(r.Cause, " by ", r.By)]++
	if m.detached {
		m.seen["detached"]++
	}
}
