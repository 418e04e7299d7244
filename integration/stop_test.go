// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

func (e *ending) config(options string) string {
	return fmt.Sprintf("passthrough {\n %s\n}\n", options) + frontendAt(e.app, e.address, "default", fmt.Sprintf("inspect_delay 60s\n server s1 %s maxconn %d\n timeouts queue 60s connect 60s", e.origin, e.maxconn))
}

// ending is a process that is stopped while it has connections in all stages.
type ending struct {
	*process
	address, origin string
	maxconn         int
	app             bool // the frontend is one of the app
	held, early     []*net.TCPConn
}

func greetAndEcho(c *net.TCPConn) {
	if skipHello(c) == nil {
		fmt.Fprint(c, "hi")
		_, _ = io.Copy(c, c)
	}
}

// startEnding starts a process with one live session, one connection in the queue for the server,
// and one that has sent nothing yet.
func startEnding(t *testing.T, options, more string) *ending {
	return startEndingIn(t, false, options, more)
}

// startEndingIn does the same with the frontend in the app, or in a layer4 server.
func startEndingIn(t *testing.T, app bool, options, more string) *ending {
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: 1, app: app}
	e.process = start(t, e.config(options)+more, "")
	e.held = append(e.held, say(t, e.address, ""))
	read(t, e.held[0], make([]byte, 2))
	e.early = append(e.early, dial(t, e.address), say(t, e.address, ""))
	e.holds(t, 3, 1)
	return e
}

// holds waits until the process has a number of connections, and a number of them in the queue.
func (e *ending) holds(t *testing.T, connections, queued int) {
	t.Helper()
	var all struct{ Count int }
	var backend struct{ Queue int }
	for over := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		for path, into := range map[string]any{"/passthrough/sessions": &all, "/passthrough/backends/default": &backend} {
			if status, answer := e.ask(t, "GET", path, ""); status != 200 || json.Unmarshal([]byte(answer), into) != nil {
				t.Fatalf("%s: %d %s", path, status, answer)
			}
		}
		if all.Count == connections && backend.Queue == queued {
			return
		}
		if time.Now().After(over) {
			t.Fatalf("%d connections, %d of them in the queue, want %d and %d", all.Count, backend.Queue, connections, queued)
		}
	}
}

// ends waits for the end of the process.
func (e *ending) ends(t *testing.T, code int) {
	t.Helper()
	select {
	case <-e.done:
	case <-time.After(patience):
		t.Fatalf("the process does not end:\n%s", e.log())
	}
	_ = e.cmd.Wait()
	e.over = true
	if got := e.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
}

// hasLines compares the letters of session lines.
func (e *ending) hasLines(t *testing.T, text string, want ...string) {
	t.Helper()
	var got []string
	for line := range strings.Lines(text) {
		if _, after, ok := strings.Cut(line, `"termination":"`); ok {
			got = append(got, after[:2])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("log lines with %q, want %q:\n%s", got, want, text)
	}
}

func (e *ending) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// refusesSoon waits until no connection is accepted any more. It returns the letters of those
// accepted until then.
func (e *ending) refusesSoon(t *testing.T) (letters []string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, err := net.DialTimeout("tcp", e.address, patience)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return letters
		}
		if err == nil {
			letters = append(letters, "CR")
			c.Close()
		}
		if time.Now().After(over) {
			t.Fatalf("clients are still accepted: %v", err)
		}
	}
}

// Accepted connections may finish, and are served until then. Those left when the grace period is
// over are cut, whatever they wait for, and each has a line in the log. The log is a file, which
// Caddy closes earlier.
func TestGracePeriod(t *testing.T) {
	t.Parallel()
	for form, app := range map[string]bool{"layer4": false, "app": true} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			testGracePeriod(t, app)
		})
	}
}

func testGracePeriod(t *testing.T, app bool) {
	file := filepath.Join(t.TempDir(), "log")
	const grace = 8 * time.Second
	e := startEndingIn(t, app, "grace_period "+grace.String(), "\nlog sessions {\n output file "+file+"\n include layer4.handlers.passthrough passthrough.frontend\n}")
	finishes := say(t, e.address, "") // waits behind the other
	e.holds(t, 4, 2)
	e.signal(t, syscall.SIGTERM)
	began := time.Now()
	want := append(e.refusesSoon(t), "--", "--", "KD", "KR")
	refused := time.Since(began)
	e.held[0].Close()
	for _, c := range []*net.TCPConn{e.early[1], finishes} {
		read(t, c, make([]byte, 2))
		if c == finishes {
			break
		}
		c.Close()
	}
	if _, err := finishes.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	read(t, finishes, make([]byte, 1))
	if rest, err := io.ReadAll(finishes); len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%q, %v", rest, err)
	}
	cut := time.Since(began)
	e.ends(t, 0)
	t.Logf("accepting ended after %v, connections were cut after %v, the process ended after %v", refused, cut, time.Since(began))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e.hasLines(t, string(text), want...)
	if cut < grace {
		t.Errorf("the grace period was %v", cut)
	}
}

// SIGTERM under load: every accepted connection is served or cut, and has a line that says which.
func TestStopUnderLoad(t *testing.T) {
	for form, app := range map[string]bool{"layer4": false, "app": true} {
		t.Run(form, func(t *testing.T) { testStopUnderLoad(t, app) })
	}
}

func testStopUnderLoad(t *testing.T, app bool) {
	const clients = 16
	lines := lineTally{ends: make(map[string]int64), by: make(map[string]int64)}
	e := &ending{process: &process{each: lines.add}, address: freeAddress(t), maxconn: 1000, app: app}
	e.origin = listen(t, func(c *net.TCPConn) {
		if skipHello(c) == nil {
			fmt.Fprint(c, "hi")
		}
	})
	e.start(t, e.config("grace_period 5s"), "")
	hello := hellotest.Hello(t, "www.example.test")
	var wg sync.WaitGroup
	var served, refused, broken, cut atomic.Int64
	for range clients {
		wg.Go(func() {
			for {
				c, err := net.DialTimeout("tcp", e.address, patience)
				if err != nil {
					refused.Add(1)
					return
				}
				_ = c.SetDeadline(time.Now().Add(patience))
				_, _ = c.Write(hello)
				if answer, err := io.ReadAll(c); err == nil && string(answer) == "hi" {
					served.Add(1)
				} else {
					broken.Add(1)
					t.Errorf("accepted, and then %q, %v", answer, err)
				}
				c.Close()
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	e.signal(t, syscall.SIGTERM)
	wg.Wait()
	e.ends(t, 0)
	for end, n := range lines.ends {
		if strings.HasPrefix(end, "K") {
			cut.Add(n)
		}
	}
	t.Logf("%d served, %d cut, %d accepted and neither; %d log lines; then %d clients refused", served.Load(), cut.Load(), broken.Load(), lines.all, refused.Load())
	if lines.all != served.Load()+cut.Load() || served.Load() == 0 || refused.Load() != clients {
		t.Errorf("log lines: %v", lines.ends)
	}
}

// A second SIGTERM does not wait for the grace period, and SIGQUIT does not even wait for slow
// cleanup.
func TestSecondSignal(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 0, syscall.SIGQUIT: 2} {
		t.Run(signal.String(), func(t *testing.T) {
			e := startEnding(t, "grace_period off", "")
			e.signal(t, syscall.SIGTERM)
			e.await(t, "drain", func(lines []logLine) bool { return hasMessage(lines, "waiting for connections to finish") })
			if _, err := e.held[0].Write([]byte("x")); err != nil {
				t.Error(err)
			}
			read(t, e.held[0], make([]byte, 1))
			e.signal(t, signal)
			e.ends(t, code)
			e.hasLines(t, e.log(), "KD", "KQ", "KR")
		})
	}
}

// The service manager is asked for the time of the grace period if there are connections to wait
// for.
func TestServiceManagerWaits(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	for _, stays := range []bool{true, false} {
		e := &ending{process: &process{env: []string{"NOTIFY_SOCKET=" + manager.LocalAddr().String()}}, address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: 1}
		e.start(t, e.config("grace_period 2s"), "")
		c := say(t, e.address, "")
		read(t, c, make([]byte, 2))
		if !stays {
			c.Close()
			e.sessions(t, 1)
		}
		e.signal(t, syscall.SIGTERM)
		e.ends(t, 0)
		var messages []string
		for b := make([]byte, 1000); len(messages) == 0 || messages[len(messages)-1] != "STOPPING=1"; {
			_ = manager.SetReadDeadline(time.Now().Add(patience))
			n, err := manager.Read(b)
			if err != nil {
				t.Fatal(err, messages)
			}
			messages = append(messages, string(b[:n]))
		}
		_ = manager.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		b := make([]byte, 1000)
		n, _ := manager.Read(b)
		first, time, _ := strings.Cut(string(b[:n]), "\nEXTEND_TIMEOUT_USEC=")
		if stays && (first != "STATUS=waiting for 1 connections to finish" || len(time) != len("6900000")) || !stays && n > 0 {
			t.Errorf("stays: %v: it got %q", stays, b[:n])
		}
	}
}

func hasMessage(lines []logLine, message string) bool {
	for _, l := range lines {
		if l.Msg == message {
			return true
		}
	}
	return false
}

// While the ending process waits for connections, the admin endpoint shows the backends and the
// number of connections, and the log says how many it waits for.
func TestAdminWhileDraining(t *testing.T) {
	for name, stop := range map[string]func(*testing.T, *ending) <-chan string{
		"SIGTERM": func(t *testing.T, e *ending) <-chan string { e.signal(t, syscall.SIGTERM); return nil },
		"caddy stop": func(t *testing.T, e *ending) <-chan string {
			printed := make(chan string, 100)
			stop := command(t, e.dir, "stop", "--address", e.admin)
			stderr, err := stop.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := stop.Start(); err != nil {
				t.Fatal(err)
			}
			go func() {
				defer close(printed)
				for lines := bufio.NewScanner(stderr); lines.Scan(); {
					printed <- lines.Text()
				}
				if err := stop.Wait(); err != nil {
					t.Errorf("caddy stop: %v", err)
				}
			}()
			return printed
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := startEnding(t, "grace_period 1m", "")
			stopped := stop(t, e)
			e.await(t, "a line", func(lines []logLine) bool { return hasMessage(lines, "waiting for connections to finish") })
			var sessions struct {
				Count       int
				Stopping    bool
				SecondsLeft float64 `json:"seconds_left"`
			}
			var backend struct{ Sessions, Queue, ActiveServers int }
			for path, into := range map[string]any{"/passthrough/sessions": &sessions, "/passthrough/backends/default": &backend} {
				status, answer := e.ask(t, "GET", path, "")
				if err := json.Unmarshal([]byte(answer), into); status != 200 || err != nil {
					t.Fatalf("%s: %d %s", path, status, answer)
				}
			}
			if sessions.Count != 3 || !sessions.Stopping || sessions.SecondsLeft <= 0 || sessions.SecondsLeft > 60 {
				t.Errorf("sessions: %+v, want 3 and at most a minute", sessions)
			}
			if backend.Sessions != 1 || backend.Queue != 1 {
				t.Errorf("backend: %+v, want one session and one in the queue", backend)
			}
			if want := regexp.MustCompile(`"connections":3,"time_left":"(\d+s|1m0s)"`); !want.MatchString(e.log()) {
				t.Errorf("no %s in\n%s", want, e.log())
			}
			if stopped != nil {
				if printed := <-stopped; !strings.HasPrefix(printed, "waiting for 3 connections to finish, for at most ") {
					t.Errorf("caddy stop prints %q", printed)
				}
			}
			for _, c := range append(e.held, e.early...) {
				c.Close()
			}
			e.ends(t, 0)
			if stopped != nil {
				for range stopped { // until it has ended, too
				}
			}
		})
	}
}
