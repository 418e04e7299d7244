// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// island is a network namespace with only its own loopback interface, where 127.0.0.1 is the only
// DNS server.
type island struct{ name string }

// islands counts the islands of this process. It is locked while one makes or removes its folder in
// /etc/netns, which goes with the last one.
var islands struct {
	sync.Mutex
	made int
}

func newIsland(t *testing.T, hosts string) *island {
	t.Helper()
	islands.Lock()
	defer islands.Unlock()
	islands.made++
	n := &island{name: fmt.Sprintf("island%d-%d", os.Getpid(), islands.made)}
	if err := ip(t, "netns", "add", n.name); err != nil {
		t.Skip("no privilege to create network namespaces: ", err)
	}
	t.Cleanup(func() { _ = ip(t, "netns", "del", n.name) })
	if err := ip(t, "-n", n.name, "link", "set", "lo", "up"); err != nil {
		t.Fatal(err)
	}
	// ip netns exec mounts these over those in /etc.
	dir := filepath.Join("/etc/netns", n.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		islands.Lock()
		defer islands.Unlock()
		_ = os.RemoveAll(dir)
		_ = os.Remove(filepath.Dir(dir)) // if it is empty
	})
	for name, text := range map[string]string{"resolv.conf": "nameserver 127.0.0.1\n", "hosts": "127.0.0.1 localhost\n" + hosts} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// in runs f in the island: its sockets are there.
func (n *island) in(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		done <- func() error {
			there, err := os.Open(filepath.Join("/run/netns", n.name))
			if err != nil {
				return err
			}
			defer there.Close()
			if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("entering the namespace: %w", err)
			}
			return f()
		}()
	}()
	return <-done
}

func (n *island) dial(address string) (conn net.Conn, err error) {
	err = n.in(func() (err error) {
		conn, err = net.DialTimeout("tcp", address, patience)
		return err
	})
	return conn, err
}

func (n *island) listen(t *testing.T, address string) (ln net.Listener) {
	t.Helper()
	if err := n.in(func() (err error) {
		ln, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// greet runs servers that send the address that they were reached at, and then echo.
func (n *island) greet(t *testing.T, port string, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		go accept(n.listen(t, net.JoinHostPort(host, port)), func(c *net.TCPConn) {
			fmt.Fprintln(c, host)
			_, _ = io.Copy(c, c)
		})
	}
}

// nameserver is a DNS server with configurable faults. Names are without their last label and dot:
// "web" is web.test.
type nameserver struct {
	mu     sync.Mutex
	hosts  map[string]string // addresses by name, separated by spaces
	faults map[string]string // by name, or by name and type
	asked  map[string]int    // by name and type
}

// newNameserver serves at 127.0.0.1:53 of an island.
func newNameserver(t *testing.T, n *island) *nameserver {
	t.Helper()
	s := &nameserver{hosts: make(map[string]string), faults: make(map[string]string), asked: make(map[string]int)}
	var datagrams net.PacketConn
	if err := n.in(func() (err error) {
		datagrams, err = net.ListenPacket("udp", "127.0.0.1:53")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: datagrams, Handler: s}, {Listener: n.listen(t, "127.0.0.1:53"), Handler: s}} {
		go server.ActivateAndServe()
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return s
}

// ServeDNS answers, or misbehaves as configured.
func (s *nameserver) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	question := q.Question[0]
	name, kind := strings.TrimSuffix(question.Name, ".test."), dns.TypeToString[question.Qtype]
	s.mu.Lock()
	s.asked[name+" "+kind]++
	fault := s.faults[name]
	if f, ok := s.faults[name+" "+kind]; ok {
		fault = f
	}
	hosts := s.hosts[name]
	s.mu.Unlock()
	answer := new(dns.Msg).SetReply(q)
	answer.RecursionAvailable = true // or an answer without addresses is a referral to nowhere
	for a := range strings.FieldsSeq(hosts) {
		a, header := netip.MustParseAddr(a), dns.RR_Header{Name: question.Name, Rrtype: question.Qtype, Class: dns.ClassINET, Ttl: 1}
		switch {
		case a.Is4() && question.Qtype == dns.TypeA:
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: a.AsSlice()})
		case a.Is6() && question.Qtype == dns.TypeAAAA:
			answer.Answer = append(answer.Answer, &dns.AAAA{Hdr: header, AAAA: a.AsSlice()})
		}
	}
	switch fault {
	case "silent":
		return
	case "SERVFAIL":
		answer.Answer, answer.Rcode = nil, dns.RcodeServerFailure
	case "NXDOMAIN":
		answer.Answer, answer.Rcode = nil, dns.RcodeNameError
	case "garbage":
		packed, _ := answer.Pack()
		_, _ = w.Write(append(packed[:len(packed)-7], 0xc0, 0xff, 0xff))
		return
	}
	if w.LocalAddr().Network() == "udp" {
		answer.Truncate(dns.MinMsgSize)
	}
	_ = w.WriteMsg(answer)
}

// says sets the addresses of names, given as name and addresses.
func (s *nameserver) says(hosts map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.hosts, hosts)
}

func (s *nameserver) fails(faults map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults
}

// count returns the number of queries for a name, and resets it.
func (s *nameserver) count(name string) (four, six int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	four, six = s.asked[name+" A"], s.asked[name+" AAAA"]
	delete(s.asked, name+" A")
	delete(s.asked, name+" AAAA")
	return four, six
}
