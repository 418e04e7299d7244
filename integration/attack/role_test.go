// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// roleVariable turns another process of this test program into an attacker: descriptors are limited
// per process, and there are not enough for both ends of that many connections.
const roleVariable = "ATTACK_ROLE"

// role is an attacker's task.
type role struct {
	Kind   string // a key of kinds
	N      int    // connections
	AtOnce int    // connections started at a time
	To     string // address of the frontend
	Hello  []byte
}

// outcome is an attacker's report.
type outcome struct {
	Connected, Failed int64
	Served            int64
	Ended             int64         // by the proxy
	Longest           time.Duration // from the connect to the end
}

// attackerProcess is an attacker's process.
type attackerProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

// attackers starts a process and waits until all its connections have been made, or have failed.
func (s *stage) attackers(kind string, n, atOnce int) *attackerProcess {
	s.Helper()
	name := map[string]string{"holds": "stay.example.test", "never reads": "endless.example.test"}[kind]
	hello := hellotest.Hello(s, cmp.Or(name, "www.example.test"), "h2")
	if kind == "half" {
		hello = hellotest.Records(hellotest.Plain(hellotest.SNI("www.example.test")).Pad(longHello).Message(), 1<<14)
	}
	r, err := json.Marshal(role{Kind: kind, N: n, AtOnce: atOnce, To: s.address, Hello: hello})
	if err != nil {
		s.Fatal(err)
	}
	c := &attackerProcess{cmd: exec.Command(os.Args[0])}
	if kind == "knocks" {
		// It connects as fast as it can, and stands for another machine: the CPU that it takes must not
		// count against the proxy.
		c.cmd = exec.Command("nice", "-n", "19", os.Args[0])
	}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+string(r))
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		s.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	c.lines = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	c.say(s)
	return c
}

// say returns the attacker's next line.
func (c *attackerProcess) say(s *stage) (o outcome) {
	s.Helper()
	if !c.lines.Scan() {
		s.Fatal("an attacker process ended")
	}
	if err := json.Unmarshal(c.lines.Bytes(), &o); err != nil {
		s.Fatal(err)
	}
	return o
}

// leave tells the attacker to close its connections, and returns its report.
func (c *attackerProcess) leave(s *stage) outcome {
	s.Helper()
	_ = c.stdin.Close()
	return c.say(s)
}

// attacker is the other end.
type attacker struct {
	role
	connected, failed, served, ended atomic.Int64
	longest                          atomic.Int64
	over                             chan struct{} // closed when stdin is
	mu                               sync.Mutex
	conns                            []net.Conn
}

// kinds are the ways to use a connection. Those of floods are called again and again until the
// attack is over, AtOnce of them at a time.
var kinds = map[string]func(a *attacker, c *net.TCPConn){
	"silent": func(a *attacker, c *net.TCPConn) { a.awaitEnd(c) },
	"half": func(a *attacker, c *net.TCPConn) {
		_, _ = c.Write(a.Hello[:len(a.Hello)-1])
		a.awaitEnd(c)
	},
	"drip": (*attacker).drip,
	"knocks": func(a *attacker, c *net.TCPConn) {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = c.Write(a.Hello)
		if answer, err := io.ReadAll(c); err == nil && string(answer) == "hi" {
			a.served.Add(1)
		}
		c.Close()
	},
	"holds": func(a *attacker, c *net.TCPConn) {
		_, _ = c.Write(a.Hello)
		if _, err := io.ReadFull(c, make([]byte, 2)); err == nil {
			a.served.Add(1)
		}
		a.awaitEnd(c)
	},
	"never reads": func(a *attacker, c *net.TCPConn) {
		_ = c.SetReadBuffer(8192)
		_, _ = c.Write(a.Hello)
	},
	"once": func(a *attacker, c *net.TCPConn) {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = c.Write(a.Hello)
		if answer, err := io.ReadAll(c); err == nil && string(answer) == "hi" {
			a.served.Add(1)
		}
		c.Close()
	},
	"resets": func(_ *attacker, c *net.TCPConn) { reset(c) },
	"resets after half a hello": func(a *attacker, c *net.TCPConn) {
		_, _ = c.Write(a.Hello[:len(a.Hello)/2])
		reset(c)
	},
	"resets after a hello": func(a *attacker, c *net.TCPConn) {
		_, _ = c.Write(a.Hello)
		reset(c)
	},
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func playRole(text string) int {
	a := &attacker{over: make(chan struct{})}
	if err := json.Unmarshal([]byte(text), &a.role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(a.over)
	}()
	var do func()
	switch a.Kind {
	case "flood":
		do = a.flood
	case "storm":
		do = a.storm
	default:
		do = a.gather
	}
	do()
	a.mu.Lock()
	for _, c := range a.conns {
		_ = c.Close()
	}
	a.mu.Unlock()
	a.tell()
	return 0
}

func (a *attacker) tell() {
	line, _ := json.Marshal(outcome{
		Connected: a.connected.Load(), Failed: a.failed.Load(), Served: a.served.Load(),
		Ended: a.ended.Load(), Longest: time.Duration(a.longest.Load()),
	})
	fmt.Println(string(line))
}

// gather makes N connections and keeps them until the attack is over.
func (a *attacker) gather() {
	var wg, staying sync.WaitGroup
	slots := make(chan struct{}, a.AtOnce)
	for i := range a.N {
		slots <- struct{}{}
		wg.Add(1)
		staying.Go(func() {
			c, ok := a.connect(i)
			wg.Done()
			if !a.comesAndGoes() {
				<-slots
			}
			if ok {
				a.use(c, i)
			}
			if a.comesAndGoes() {
				<-slots
			}
		})
	}
	wg.Wait()
	if a.comesAndGoes() {
		staying.Wait()
	}
	a.tell()
	<-a.over
}

// comesAndGoes reports whether AtOnce bounds the connections that are open.
func (a *attacker) comesAndGoes() bool { return a.Kind == "once" || a.Kind == "knocks" }

// use uses the i-th connection. Of slow clients, every other one is silent.
func (a *attacker) use(c *net.TCPConn, i int) {
	kind := a.Kind
	if kind == "slow" {
		kind = []string{"silent", "drip"}[i%2]
	}
	kinds[kind](a, c)
}

func (a *attacker) connect(i int) (*net.TCPConn, bool) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	switch a.Kind {
	case "knocks":
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 66, 6, 6)}
	case "once": // each from its own address
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, byte(1+i>>16), byte(i>>8), byte(i))}
	}
	c, err := dialer.Dial("tcp", a.To)
	if err != nil {
		a.failed.Add(1)
		return nil, false
	}
	a.connected.Add(1)
	a.mu.Lock()
	a.conns = append(a.conns, c)
	a.mu.Unlock()
	return c.(*net.TCPConn), true
}

// awaitEnd waits until the proxy ends a connection.
func (a *attacker) awaitEnd(c *net.TCPConn) {
	began := time.Now()
	_, _ = io.Copy(io.Discard, c)
	a.noteEnd(began)
	c.Close()
}

func (a *attacker) noteEnd(began time.Time) {
	select {
	case <-a.over: // closed by this side
		return
	default:
	}
	a.ended.Add(1)
	took := int64(time.Since(began))
	for before := a.longest.Load(); took > before && !a.longest.CompareAndSwap(before, took); {
		before = a.longest.Load()
	}
}

// dripPause is the pause between two bytes of a hello.
func (a *attacker) dripPause() time.Duration {
	if a.Kind == "slow" {
		return time.Second
	}
	return 500 * time.Millisecond
}

// drip sends the hello byte by byte.
func (a *attacker) drip(c *net.TCPConn) {
	began := time.Now()
	buf := make([]byte, 1)
	for i := range a.Hello {
		if _, err := c.Write(a.Hello[i : i+1]); err != nil {
			break
		}
		_ = c.SetReadDeadline(time.Now().Add(a.dripPause()))
		if _, err := c.Read(buf); err != nil {
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				break
			}
		}
	}
	a.noteEnd(began)
	c.Close()
}

// storm resets connections in all ways until the attack is over.
func (a *attacker) storm() {
	ways := []string{"resets", "resets after half a hello", "resets after a hello"}
	var wg sync.WaitGroup
	for i := range a.AtOnce {
		wg.Go(func() {
			for ; !a.isOver(); i++ {
				c, err := net.DialTimeout("tcp", a.To, 5*time.Second)
				if err != nil {
					a.failed.Add(1)
					continue
				}
				a.connected.Add(1)
				kinds[ways[i%len(ways)]](a, c.(*net.TCPConn))
			}
		})
	}
	a.tell()
	wg.Wait()
}

func (a *attacker) isOver() bool {
	select {
	case <-a.over:
		return true
	default:
		return false
	}
}

// flood starts connections and closes them before they can be accepted, until the attack is over.
func (a *attacker) flood() {
	to, err := net.ResolveTCPAddr("tcp", a.To)
	if err != nil {
		panic(err)
	}
	at := syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
	var wg sync.WaitGroup
	for range a.AtOnce {
		wg.Go(func() {
			for !a.isOver() {
				fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
				if err != nil {
					a.failed.Add(1)
					continue
				}
				_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
				_ = syscall.Connect(fd, &at)
				_ = syscall.Close(fd)
				a.connected.Add(1)
			}
		})
	}
	a.tell()
	wg.Wait()
}
