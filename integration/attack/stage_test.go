// SPDX-License-Identifier: Apache-2.0

//go:build linux

package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// patience bounds waiting for events that have no deadline of their own.
const patience = 30 * time.Second

// inspectDelay is the frontend's, in every attack.
var inspectDelay = time.Duration(scaled(10, 5)) * time.Second

// settings are an attack's additions to the configuration and the process.
type settings struct {
	defaults string   // additional lines of the section defaults
	backend  string   // lines of the backend, with its servers
	bind     string   // words of the frontend's bind
	global   string   // lines of the section global, for HAProxy only
	wrap     []string // command that runs the program
	env      []string // of ours
	haproxy  []string // additional arguments of HAProxy
	limit    string   // of the frontend, as JSON, for ours only
	frontend string   // lines of the frontend, for HAProxy only
	tables   string   // further sections, for HAProxy only
	spread   bool     // each legitimate client has an address of its own
}

// stage is one proxy during one attack.
type stage struct {
	testing.TB
	proxy, path string
	figures     *figures

	dir, address  string
	admin, socket string // admin endpoint of ours, run-time socket of HAProxy
	output        string // file with the proxy's output
	cmd           *exec.Cmd
	exited        chan struct{}
	hello         []byte
	settings      settings
	before        footprint
	visits        atomic.Int64
	unlike        bool // the attack replaced the process: do not compare with the previous one
}

func (s *stage) isOurs() bool { return s.proxy == "ours" }

// measured adds a figure to the table.
func (s *stage) measured(what, format string, value float64) {
	s.figures.add(s.proxy, what, format, value)
	s.Logf("%s: %s: "+format, s.proxy, what, value)
}

// must reports a failed requirement of ours as an error, and of HAProxy, which is not under test,
// as a log line.
func (s *stage) must(ok bool, format string, args ...any) {
	s.Helper()
	switch {
	case ok:
	case s.isOurs():
		s.Errorf(format, args...)
	default:
		s.Logf("HAProxy: "+format, args...)
	}
}

// play starts the proxy, attacks it, and checks that nothing is left of the attack.
func (s *stage) play(a *attack) {
	var err error
	// TempDir has the test's name, with characters that HAProxy rejects.
	if s.dir, err = os.MkdirTemp("", "attack-"); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	s.address, s.admin = s.free(), s.free()
	s.socket, s.output = filepath.Join(s.dir, "admin.sock"), filepath.Join(s.dir, "output")
	s.hello = hellotest.Hello(s, "www.example.test", "h2")
	s.settings = a.config(s)
	s.configure()
	if s.isOurs() && s.settings.limit != "" {
		s.limitOurs()
	}
	s.start()
	defer s.stop()
	s.load(4, 0, 300*time.Millisecond) // for whatever is allocated once
	s.before = s.footprint()
	a.run(s)
	s.recovers()
}

func (s *stage) free() string {
	s.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		s.Fatal(err)
	}
	return address
}

// configure writes the configuration of both proxies.
func (s *stage) configure() {
	s.Helper()
	global, frontend, tables := "", "", ""
	if !s.isOurs() {
		frontend, tables = s.settings.frontend, s.settings.tables
		global = "    stats socket " + s.socket + " mode 600 level admin expose-fd listeners\n" + s.settings.global
	}
	text := fmt.Sprintf(`global
    log stdout format raw local0
%sdefaults
    mode tcp
    log global
    option tcplog
    option redispatch
    retries 3
    timeout connect 2s
    timeout queue 2s
    timeout client 30s
    timeout server 30s
%sfrontend tls
    bind %s %s
%s    tcp-request inspect-delay %d
    tcp-request content accept if { req.ssl_hello_type 1 }
    tcp-request content reject
    default_backend web
backend web
%s%s`, global, s.settings.defaults, s.address, s.settings.bind, frontend, inspectDelay.Milliseconds(), s.settings.backend, tables)
	if err := os.WriteFile(filepath.Join(s.dir, "haproxy.cfg"), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// limitOurs writes the configuration of ours with a limit, which a haproxy.cfg has no words for.
func (s *stage) limitOurs() {
	s.Helper()
	adapt := exec.Command(s.path, "adapt", "--adapter", "haproxy", "--config", "haproxy.cfg")
	adapt.Dir = s.dir
	adapted, err := adapt.Output()
	if err != nil {
		s.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(adapted, &config); err != nil {
		s.Fatal(err)
	}
	tls := config["apps"].(map[string]any)["passthrough"].(map[string]any)["frontends"].(map[string]any)["tls"].(map[string]any)
	tls["limit"] = json.RawMessage(s.settings.limit)
	text, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "ours.json"), text, 0o600)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// command returns the command of the proxy with its configuration, with its output going to a file.
func (s *stage) command() *exec.Cmd {
	args := append([]string{"-db", "-f", "haproxy.cfg"}, s.settings.haproxy...)
	if s.isOurs() {
		args = []string{"run", "--adapter", "haproxy", "--config", "haproxy.cfg"}
		if s.settings.limit != "" {
			args = []string{"run", "--config", "ours.json"}
		}
	}
	args = append(append([]string{}, s.settings.wrap...), append([]string{s.path}, args...)...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "CADDY_ADMIN="+s.admin, "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	if s.isOurs() {
		cmd.Env = append(cmd.Env, s.settings.env...)
	}
	out, err := os.OpenFile(s.output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = out.Close() })
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return cmd
}

// start runs the proxy and waits until it serves.
func (s *stage) start() {
	s.Helper()
	s.cmd, s.exited = s.command(), make(chan struct{})
	cmd, exited := s.cmd, s.exited
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	s.awaitServed()
}

// awaitServed waits until a client is served, and returns how long that took.
func (s *stage) awaitServed() time.Duration {
	s.Helper()
	began := time.Now()
	for {
		err := s.visit("")
		if err == nil {
			return time.Since(began)
		}
		select {
		case <-s.exited:
			s.Fatalf("%s ended:\n%s", s.proxy, s.printed())
		default:
		}
		if time.Since(began) > patience {
			s.Fatalf("%s does not serve: %v\n%s", s.proxy, err, s.printed())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// stop ends the proxy, and checks the output of ours.
func (s *stage) stop() {
	sig := syscall.SIGTERM
	if !s.isOurs() {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, sig)
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.Errorf("%s did not end after %v", s.proxy, sig)
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
	if !s.isOurs() {
		return
	}
	text := s.printed()
	for _, bad := range []string{"DATA RACE", "panic", "fatal error"} {
		if i := strings.Index(text, bad); i >= 0 {
			s.Errorf("%s in the log:\n%s", bad, text[max(0, i-2000):min(len(text), i+4000)])
		}
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.Errorf("ours ended with %d:\n%s", code, text[max(0, len(text)-2000):])
	}
}

func (s *stage) printed() string {
	text, err := os.ReadFile(s.output)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// footprint is a process's use of resources.
type footprint struct {
	rss, descriptors, goroutines int
}

func (s *stage) footprint() (f footprint) {
	s.Helper()
	f.rss, f.descriptors = s.rss(), s.descriptors()
	if s.isOurs() {
		f.goroutines = s.goroutines()
	}
	return f
}

// rss returns the resident memory of the process in bytes.
func (s *stage) rss() int {
	s.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kb << 10
		}
	}
	s.Fatal("no VmRSS")
	return 0
}

// descriptors returns the number of descriptors of the process without its pipes, some of which
// both programs keep for later sessions.
func (s *stage) descriptors() (n int) {
	dir := fmt.Sprintf("/proc/%d/fd/", s.cmd.Process.Pid)
	open, err := os.ReadDir(dir)
	if err != nil {
		s.Fatal(err)
	}
	for _, fd := range open {
		if to, err := os.Readlink(dir + fd.Name()); err == nil && !strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

func (s *stage) goroutines() (n int) {
	s.Helper()
	_, text := s.ask(http.MethodGet, "/debug/pprof/goroutine?debug=1", "")
	n, err := programs.Goroutines(text)
	if err != nil {
		s.Fatalf("%v in %.200q", err, text)
	}
	return n
}

// ask sends a request to the admin endpoint of ours. It tries again while Caddy replaces the
// endpoint with a configuration.
func (s *stage) ask(method, path, body string) (status int, text string) {
	s.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, text, err := s.askOnce(method, path, "", body)
		if err == nil {
			return status, text
		}
		if time.Now().After(over) {
			s.Fatal(err)
		}
	}
}

func (s *stage) askOnce(method, path, form, body string) (status int, text string, err error) {
	request, err := http.NewRequest(method, "http://"+s.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if form != "" {
		request.Header.Set("Content-Type", form)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	all, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all), err
}

// recovers waits until nothing is left of an attack: clients are served, there are as many
// descriptors and goroutines as before, and servers have no sessions.
func (s *stage) recovers() {
	s.Helper()
	s.awaitServed()
	if s.unlike {
		return
	}
	s.within("descriptors", s.before.descriptors, s.descriptors)
	if s.isOurs() {
		s.within("goroutines", s.before.goroutines, s.goroutines)
	}
	s.within("sessions", 0, func() (n int) {
		for _, one := range s.servers() {
			n += int(one.Sessions + one.Queue)
		}
		return n
	})
}

// within waits until a count is back to its previous value.
func (s *stage) within(what string, before int, count func() int) {
	s.Helper()
	now := count()
	for over := time.Now().Add(patience); now > before && time.Now().Before(over); now = count() {
		time.Sleep(50 * time.Millisecond)
	}
	s.must(now <= before, "%s: %d before, %d after", what, before, now)
}
