// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// An oracle is a HAProxy with a frontend for each case.
type oracle struct {
	addrs []net.Addr
	logs  net.PacketConn
}

// needHAProxy returns the path of HAProxy. Without it the test is skipped, or in CI fails.
func needHAProxy(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// startOracle runs a HAProxy with the given lines of frontends, in front of a server that sends
// "K". It passes sockets to HAProxy, since a port chosen for it could be taken meanwhile.
func startOracle(t *testing.T, delay time.Duration, frontends [][]string) *oracle {
	t.Helper()
	path := needHAProxy(t)
	server := listen(t)
	go greet(server)
	o := &oracle{logs: listenLogs(t)}
	var listeners []net.Listener
	var config strings.Builder
	fmt.Fprintf(&config, "global\n log %s len 65535 local0\n nbthread 1\n"+
		"defaults\n mode tcp\n log global\n timeout client 20s\n timeout server 20s\n timeout connect 5s\n"+
		"backend greet\n server s %s\n", o.logs.LocalAddr(), server.Addr())
	command := exec.Command(path, "-db", "-f", filepath.Join(t.TempDir(), "haproxy.cfg"))
	for k, lines := range frontends {
		listener := listen(t)
		listeners = append(listeners, listener)
		o.addrs = append(o.addrs, listener.Addr())
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		command.ExtraFiles = append(command.ExtraFiles, file)
		fmt.Fprintf(&config, "frontend f%d\n bind fd@%d\n tcp-request inspect-delay %dms\n default_backend greet\n %s\n",
			k, 3+k, delay.Milliseconds(), strings.Join(lines, "\n "))
	}
	if err := os.WriteFile(command.Args[3], []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for _, listener := range listeners {
		listener.Close() // no one must answer after HAProxy has ended
	}
	t.Cleanup(func() {
		command.Process.Kill() // fails if it has ended
		command.Wait()         // reports that it was killed
		if t.Failed() {
			t.Logf("%.4000s", output.String())
		}
	})
	o.await(t)
	return o
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func listenLogs(t *testing.T) net.PacketConn {
	t.Helper()
	logs, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logs.Close() })
	if err := logs.(*net.UDPConn).SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	return logs
}

func greet(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			conn.Write([]byte("K"))   // fails if the client has left
			io.Copy(io.Discard, conn) // until the client closes
		}()
	}
}

// await waits until HAProxy answers on its first frontend.
func (o *oracle) await(t *testing.T) {
	t.Helper()
	for range 3 {
		if _, _, err := o.ask(0, nil, true); err == nil {
			return
		}
	}
	t.Fatal("HAProxy does not answer")
}

// ask sends bytes to a frontend, with final followed by a FIN. It returns whether they were
// accepted, and the client's address.
func (o *oracle) ask(frontend int, send []byte, final bool) (accepted bool, local netip.AddrPort, err error) {
	conn, err := net.Dial("tcp", o.addrs[frontend].String())
	if err != nil {
		return false, local, err
	}
	defer conn.Close()
	local = conn.LocalAddr().(*net.TCPAddr).AddrPort()
	if err = conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return false, local, err
	}
	// If HAProxy has decided before, these writes fail, and then reading does, too.
	conn.Write(send)
	if final {
		conn.(*net.TCPConn).CloseWrite()
	}
	answer := make([]byte, 1)
	switch _, err = io.ReadFull(conn, answer); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, local, err
	case err != nil:
		return false, local, nil // closed or reset
	}
	return true, local, nil
}

// TestOracleCriteria compares the verdicts of HAProxy and this package for each criterion and each
// input.
func TestOracleCriteria(t *testing.T) {
	dir := writeOracleFiles(t)
	var frontends [][]string
	for _, c := range oracleCriteria {
		frontends = append(frontends, []string{
			// Without WAIT_END HAProxy could decide before the bytes arrive.
			"tcp-request content accept if WAIT_END { " + quoteConfig(inDir(c, dir)) + " }",
			"tcp-request content reject",
			`log-format "%f:%cp=%b"`,
		})
	}
	o := startOracle(t, 10*time.Second, frontends)
	answers := o.collect(t)
	inputs := oracleInputs(t)
	parallel(t, len(frontends), func(k int) {
		acl := mustLoad(t, strings.Fields(inDir(oracleCriteria[k], dir)))
		for name, sent := range inputs {
			if doubtful(oracleCriteria[k], sent) {
				continue
			}
			_, local, err := o.ask(k, sent, true)
			if err != nil {
				t.Errorf("%s: %v", oracleCriteria[k], err)
				return
			}
			in := &Input{Hello: inspect(sent), Final: true, Source: local, Destination: o.destination(k)}
			backend, err := answers(fmt.Sprintf("f%d:%d", k, local.Port()))
			if want, got := verdictOf(backend == "greet"), acl.Match(in); err != nil || got != want {
				t.Errorf("{ %s } of %s: HAProxy says %v, we say %v (%v)", oracleCriteria[k], name, want, got, err)
			}
		}
	})
}

// doubtful reports whether HAProxy 2.6 gives varying answers: for all bytes if there are no bytes.
func doubtful(expression string, sent []byte) bool {
	return len(sent) == 0 && strings.HasPrefix(expression, "req.payload(0,0)")
}

func (o *oracle) destination(frontend int) netip.AddrPort {
	return o.addrs[frontend].(*net.TCPAddr).AddrPort()
}

// TestOracleUndecided compares the decisions before the end of the wait: only an early answer is a
// decision.
func TestOracleUndecided(t *testing.T) {
	const delay = 6 * time.Second // much more than a busy machine needs
	var frontends [][]string
	for _, c := range oracleUndecided {
		frontends = append(frontends, []string{
			"tcp-request content accept if { " + quoteConfig(c.criterion) + " }", "tcp-request content reject",
		})
	}
	frontends = append([][]string{{"tcp-request content accept"}}, frontends...)
	o := startOracle(t, delay, frontends)
	var all sync.WaitGroup
	for k, c := range oracleUndecided {
		all.Go(func() {
			began := time.Now()
			accepted, local, err := o.ask(k+1, []byte(c.sent), false)
			if err != nil {
				t.Errorf("%s: %v", c.criterion, err)
				return
			}
			want := verdictOf(accepted)
			if time.Since(began) > delay*2/3 {
				want = Miss
			}
			in := &Input{Hello: inspect([]byte(c.sent)), Source: local}
			if got := mustLoad(t, strings.Fields(c.criterion)).Match(in); got != want {
				t.Errorf("{ %s } of %q: HAProxy says %v, we say %v", c.criterion, c.sent, want, got)
			}
		})
	}
	all.Wait()
}

// TestOracleExpressions compares the values of expressions.
func TestOracleExpressions(t *testing.T) {
	dir := writeOracleFiles(t)
	var frontends [][]string
	for _, e := range oracleExpressions {
		frontends = append(frontends, []string{
			"tcp-request content set-var(txn.name) str(Www.Example.com)",
			"tcp-request content set-var(txn.seven) int(7)",
			"tcp-request content set-var(txn.v) " + quoteConfig(inDir(e, dir)) + " if WAIT_END",
			"tcp-request content reject",
			`log-format "%f:%cp=%[var(txn.v),concat(.),hex]"`,
		})
	}
	o := startOracle(t, 10*time.Second, frontends)
	answers := o.collect(t)
	inputs := oracleInputs(t)
	parallel(t, len(frontends), func(k int) {
		e, err := new(Loader).Expression(inDir(oracleExpressions[k], dir))
		if err != nil {
			t.Errorf("%s: %v", oracleExpressions[k], err)
			return
		}
		for name, sent := range inputs {
			if doubtful(oracleExpressions[k], sent) {
				continue
			}
			_, local, err := o.ask(k, sent, true)
			if err != nil {
				t.Errorf("%s: %v", oracleExpressions[k], err)
				return
			}
			in := &Input{
				Hello: inspect(sent), Final: true, Source: local, Destination: o.destination(k), Var: oracleVariables,
			}
			v, verdict := e.Eval(in)
			got := ""
			if verdict == Pass {
				got = strings.ToUpper(hex.EncodeToString([]byte(v.String() + ".")))
			}
			want, err := answers(fmt.Sprintf("f%d:%d", k, local.Port()))
			if err != nil || got != want {
				t.Errorf("%s of %s: HAProxy says %q, we say %q (%v)", oracleExpressions[k], name, want, got, err)
			}
		}
	})
}

func oracleVariables(name string) (Value, bool) {
	switch name {
	case "txn.name":
		return Text("Www.Example.com"), true
	case "txn.seven":
		return Integer(7), true
	}
	return Value{}, false
}

// collect reads the log lines, which are key=value, and returns a function that waits for the value
// of a key.
func (o *oracle) collect(t *testing.T) func(key string) (string, error) {
	t.Helper()
	var mu sync.Mutex
	waiting := make(map[string]chan string)
	slot := func(key string) chan string {
		mu.Lock()
		defer mu.Unlock()
		if waiting[key] == nil {
			waiting[key] = make(chan string, 4)
		}
		return waiting[key]
	}
	go func() {
		line := make([]byte, 65536)
		for {
			n, _, err := o.logs.ReadFrom(line)
			if err != nil {
				return
			}
			words := strings.Fields(string(line[:n]))
			if key, value, ok := strings.Cut(words[len(words)-1], "="); ok {
				slot(key) <- strings.TrimSuffix(value, "-")
			}
		}
	}()
	return func(key string) (string, error) {
		select {
		case value := <-slot(key):
			return value, nil
		case <-time.After(time.Minute):
			return "", errors.New("no log line")
		}
	}
}

// parallel calls f with each number below n, a few at a time.
func parallel(t *testing.T, n int, f func(k int)) {
	t.Helper()
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	for k := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(k)
		})
	}
	all.Wait()
}

func verdictOf(accepted bool) Verdict {
	if accepted {
		return Pass
	}
	return Fail
}

func inspect(sent []byte) *clienthello.Inspection {
	i := clienthello.NewInspection(0)
	i.Feed(sent)
	return i
}

func mustLoad(t testing.TB, words []string) *ACL {
	t.Helper()
	c, err := ParseCriterion(words)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	acl, err := new(Loader).Criterion(c)
	if err != nil {
		t.Fatalf("%q: %v", words, err)
	}
	return acl
}

func inDir(text, dir string) string {
	return strings.ReplaceAll(text, "DIR", dir)
}

// quoteConfig quotes words for haproxy.cfg.
func quoteConfig(text string) string {
	words := strings.Fields(text)
	for k, word := range words {
		words[k] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}
