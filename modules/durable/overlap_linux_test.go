// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// Reloads may replace addresses of a port by overlapping ones. No connection is lost, each goes to
// the most specific address, and no other program can bind beside them.
func TestOverlappingReloads(t *testing.T) { eachWay(t, testOverlappingReloads, byAccept, mixed) }

func testOverlappingReloads(t *testing.T) {
	needIPv6(t)
	port := unused(t)
	all4, all, one, two := fmt.Sprintf("durable4/0.0.0.0:%d", port), fmt.Sprintf("durable/[::]:%d", port), fmt.Sprintf("durable/127.0.0.1:%d", port), fmt.Sprintf("durable/127.0.0.2:%d", port)
	all6, one6 := fmt.Sprintf("durable6/[::]:%d", port), fmt.Sprintf("durable/[::1]:%d", port)
	steps := []struct {
		listen map[string]byte
		want   map[string]byte // by host; missing: refused
	}{
		{map[string]byte{all4: 1}, map[string]byte{"127.0.0.1": 1, "127.0.0.2": 1}},
		{map[string]byte{all: 2}, map[string]byte{"127.0.0.1": 2, "127.0.0.2": 2, "::1": 2}},
		{map[string]byte{one: 3, two: 4}, map[string]byte{"127.0.0.1": 3, "127.0.0.2": 4}},
		{map[string]byte{all4: 5}, map[string]byte{"127.0.0.1": 5, "127.0.0.2": 5}},
		{map[string]byte{all4: 6, two: 7}, map[string]byte{"127.0.0.1": 6, "127.0.0.2": 7}},
		{map[string]byte{one: 8, all4: 9, all6: 10, one6: 11}, map[string]byte{"127.0.0.1": 8, "127.0.0.2": 9, "::1": 11}},
		{map[string]byte{one: 12, all: 13}, map[string]byte{"127.0.0.1": 12, "127.0.0.2": 13, "::1": 13}},
		{map[string]byte{one6: 14, one: 15, two: 15}, map[string]byte{"127.0.0.1": 15, "127.0.0.2": 15, "::1": 14}},
		{map[string]byte{all: 16}, map[string]byte{"127.0.0.1": 16, "127.0.0.2": 16, "::1": 16}},
	}
	if err := loadAnswers(t, steps[0].listen, false); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	refusedServes := watchFor(t, port, func(answer byte) bool { return answer >= 96 })
	stopOne, stopTwo := load(fmt.Sprintf("127.0.0.1:%d", port)), load(fmt.Sprintf("127.0.0.2:%d", port))
	for range 3 {
		for i, step := range steps {
			if err := loadAnswers(t, map[string]byte{all: 99, one: 98, two: 97, one6: 96}, true); err == nil {
				t.Fatal("a configuration whose app fails was taken")
			}
			if err := loadAnswers(t, step.listen, false); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
				for range 3 {
					got, err := ask(net.JoinHostPort(host, strconv.Itoa(port)))
					if want, ok := step.want[host]; got != want || ok != (err == nil) {
						t.Errorf("step %d: %s answers %d, %v, want %d", i, host, got, err, want)
					}
				}
				at := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
				if err := stranger(t, at); err == nil && step.want[host] != 0 {
					t.Errorf("step %d: another program binds %v", i, at)
				}
			}
			if err := stranger(t, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))); err == nil {
				t.Errorf("step %d: another program binds 0.0.0.0", i)
			}
		}
	}
	if n := refusedServes(); n > 0 {
		t.Errorf("%d connections were served by a refused configuration", n)
	}
	for _, stop := range []func() (int64, []error){stopOne, stopTwo} {
		ok, lost := stop()
		t.Logf("%d reloads and as many refused: %d connections served, %d lost", 3*len(steps), ok, len(lost))
		if len(lost) > 0 || ok == 0 {
			t.Errorf("%d lost, the first: %v", len(lost), lost[0])
		}
	}
}

// watchFor connects to two addresses of a port until stop is called, which returns the number of
// wrong answers.
func watchFor(t *testing.T, port int, wrong func(answer byte) bool) (stop func() int) {
	t.Helper()
	over, n := make(chan struct{}), make(chan int)
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		go func() {
			found := 0
			for {
				select {
				case <-over:
					n <- found
					return
				default:
				}
				if answer, err := ask(net.JoinHostPort(host, strconv.Itoa(port))); err == nil && wrong(answer) {
					found++
				}
			}
		}()
	}
	return func() int {
		close(over)
		return <-n + <-n
	}
}

// Connections in the queue of a closing socket go to the socket that owns their address from then
// on; the closing user gets the others.
func TestOverlapHandsQueueOver(t *testing.T) {
	eachWay(t, testOverlapHandsQueueOver, byAccept, byTaker)
}

func testOverlapHandsQueueOver(t *testing.T) {
	for name, hosts := range map[string][2]string{"wider": {"127.0.0.2", "0.0.0.0"}, "narrower": {"0.0.0.0", "127.0.0.2"}} {
		t.Run(name, func(t *testing.T) {
			port := unused(t)
			before, err := openFamily(t, "durable4", hosts[0], port)
			if err != nil {
				t.Fatal(err)
			}
			left := before.(*listener).sock
			var theirs, others []net.Conn
			for range 5 {
				theirs = append(theirs, dialTo(t, "127.0.0.2", port))
				if name == "narrower" {
					others = append(others, dialTo(t, "127.0.0.3", port))
				}
			}
			after, err := openFamily(t, "durable4", hosts[1], port)
			if err != nil {
				t.Fatal(err)
			}
			owner := after.(*listener).sock
			after = asUser(t, after)
			if err := before.Close(); err != nil {
				t.Fatal(err)
			}
			if !isLeaving(left) {
				t.Error("the end of the process would not wait for who is handed over")
			}
			theirs = append(theirs, dialTo(t, "127.0.0.2", port))
			accepted(t, after, theirs)
			accepted(t, before, others)
			if _, err := before.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after that: %v", err)
			}
			<-left.done
			if isLeaving(left) {
				t.Error("it is still noted as leaving")
			}
			noneInFlight(t, left, owner)
			again, err := openFamily(t, "durable4", hosts[0], port)
			if err != nil {
				t.Fatal(err)
			}
			conn := dialTo(t, "127.0.0.2", port)
			if name == "wider" {
				accepted(t, again, []net.Conn{conn})
			} else {
				accepted(t, after, []net.Conn{conn})
			}
		})
	}
}

func isLeaving(s *socket) bool {
	socketsMu.Lock()
	defer socketsMu.Unlock()
	_, ok := ceding[s]
	return ok
}

// An address may come back while its former socket is still ceding it.
func TestOverlapGoesBackToWildcard(t *testing.T) {
	eachWay(t, testOverlapGoesBackToWildcard, byAccept, byTaker)
}

func testOverlapGoesBackToWildcard(t *testing.T) {
	for _, hosts := range [][2]string{{"127.0.0.2", "0.0.0.0"}, {"0.0.0.0", "127.0.0.2"}} {
		port := unused(t)
		before, err := openFamily(t, "durable4", hosts[0], port)
		if err != nil {
			t.Fatal(err)
		}
		after, err := openFamily(t, "durable4", hosts[1], port)
		if err != nil {
			t.Fatal(err)
		}
		before.Close()
		again, err := openFamily(t, "durable4", hosts[0], port)
		if err != nil {
			t.Fatal(err)
		}
		for host, ln := range map[string]net.Listener{hosts[0]: asUser(t, again), hosts[1]: asUser(t, after)} {
			if host == "0.0.0.0" {
				host = "127.0.0.3"
			}
			accepted(t, ln, []net.Conn{dialTo(t, host, port)})
		}
		again.Close()
		after.Close()
	}
}

// When a more specific address is opened, it gets the queued connections to it from the wildcard
// socket, which stays open.
func TestOverlapHandsMisaddressedConnsOver(t *testing.T) {
	eachWay(t, testOverlapHandsMisaddressedConnsOver, byAccept, byTaker)
}

func testOverlapHandsMisaddressedConnsOver(t *testing.T) {
	all, err := openFamily(t, "durable4", "0.0.0.0", 0)
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(all)
	var ones, twos []net.Conn
	for range 5 {
		twos = append(twos, dialTo(t, "127.0.0.2", port))
		ones = append(ones, dialTo(t, "127.0.0.1", port))
	}
	two, err := openFamily(t, "durable4", "127.0.0.2", port)
	if err != nil {
		t.Fatal(err)
	}
	first, users := make(chan string, len(ones)+len(twos)), [2]net.Listener{asUser(t, all), asUser(t, two)}
	go func() {
		for {
			conn, err := users[0].Accept()
			if err != nil {
				return
			}
			first <- conn.LocalAddr().String()
			conn.Close()
		}
	}()
	accepted(t, users[1], twos)
	for range ones {
		if got, want := <-first, fmt.Sprintf("127.0.0.1:%d", port); got != want {
			t.Errorf("the first address accepted a connection to %s, want %s", got, want)
		}
	}
	noneInFlight(t, all.(*listener).sock, two.(*listener).sock)
	if !all.(*listener).sock.overlapped.Load() {
		t.Error("the first address does not look whose its connections are")
	}
	two.Close()
	if all.(*listener).sock.overlapped.Load() {
		t.Error("the first address still looks whose its connections are")
	}
}

// Shutdown waits for a socket that has ceded its address.
func TestOverlapAtShutdown(t *testing.T) {
	before, err := openFamily(t, "durable4", "127.0.0.2", unused(t))
	if err != nil {
		t.Fatal(err)
	}
	left := before.(*listener).sock
	after, err := openFamily(t, "durable4", "0.0.0.0", portOf(before))
	if err != nil {
		t.Fatal(err)
	}
	before.Close()
	stopAccepting()
	defer func() {
		socketsMu.Lock()
		defer socketsMu.Unlock()
		inShutdown, socketsAtShutdown = false, nil
		lastTaken.Store(nil)
	}()
	socketsMu.Lock()
	waits := slices.Contains(socketsAtShutdown, left)
	socketsMu.Unlock()
	if !waits || !pending() {
		t.Error("it does not wait")
	}
	<-left.done
	<-after.(*listener).sock.done
}

// When Caddy stops, the addresses of its configuration are free at once, also overlapping ones.
func TestOverlapStops(t *testing.T) {
	port := unused(t)
	for range 5 {
		if err := loadAnswers(t, map[string]byte{fmt.Sprintf("durable4/:%d", port): 1, fmt.Sprintf("durable/127.0.0.2:%d", port): 2}, false); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Stop(); err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}

func dialTo(t *testing.T, host string, port int) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// accepted checks that a listener accepts exactly these clients, in any order.
func accepted(t *testing.T, ln net.Listener, clients []net.Conn) {
	t.Helper()
	want := make(map[string]bool)
	for _, c := range clients {
		want[c.LocalAddr().String()] = true
	}
	for range clients {
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if !want[conn.RemoteAddr().String()] {
			t.Errorf("%v accepted %v to %v", ln.Addr(), conn.RemoteAddr(), conn.LocalAddr())
		}
		delete(want, conn.RemoteAddr().String())
	}
}

// Interface guards
var (
	_ caddy.App         = (*answersApp)(nil)
	_ caddy.Provisioner = (*answersApp)(nil)
)
