// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// patience bounds waiting for events that have no deadline of their own.
const patience = time.Minute

// Each is built once per test run, on first use.
var (
	program = programs.Caddy{Flags: []string{"-race"}}           // cmd/caddy with the race detector
	fast    programs.Caddy                                       // without
	stock   = programs.Caddy{Package: "integration/bench/stock"} // Caddy and caddy-l4 alone
)

func TestMain(m *testing.M) {
	programs.AtOnce(2 * runtime.GOMAXPROCS(0))
	code := m.Run()
	program.Remove()
	fast.Remove()
	stock.Remove()
	generalWay.Remove()
	os.Exit(code)
}

// command returns a command that runs the program in dir, where it also keeps its state.
func command(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	return commandOf(t, &program, dir, args...)
}

func commandOf(t testing.TB, of *programs.Caddy, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(of.Path(t), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return cmd
}

// process is a running Caddy.
type process struct {
	of    *programs.Caddy // nil: program
	dir   string          // its working directory
	admin string          // the address of its admin endpoint
	cmd   *exec.Cmd
	done  chan struct{}  // closed when the process has ended
	over  bool           // the test has stopped it
	wrap  []string       // command that runs the program
	files []*os.File     // passed to the program, from descriptor 3 on
	env   []string       // additional environment
	each  func(*logLine) // receives session lines; nil: they are kept like all others

	mu    sync.Mutex
	lines []logLine
	more  chan struct{} // closed and replaced with each line
	raw   bytes.Buffer
}

// logLine is one line of Caddy's log; the fields are those of a session line.
type logLine struct {
	Logger string `json:"logger"`
	Msg    string `json:"msg"`
	Level  string `json:"level"`

	Frontend     string   `json:"frontend"`
	Backend      string   `json:"backend"`
	Server       string   `json:"server"`
	Address      string   `json:"server_address"`
	Client       string   `json:"client"`
	Local        string   `json:"local"`
	Peer         string   `json:"peer"`
	Authority    string   `json:"authority"`
	UniqueID     string   `json:"unique_id"`
	Outcome      string   `json:"outcome"`
	SNI          string   `json:"sni"`
	ALPN         []string `json:"alpn"`
	Version      string   `json:"tls_version"`
	HelloWait    float64  `json:"hello_wait"`
	Connect      float64  `json:"connect_time"`
	Duration     float64  `json:"duration"`
	In           int64    `json:"bytes_in"`
	Out          int64    `json:"bytes_out"`
	Retries      int      `json:"retries"`
	Redispatched bool     `json:"redispatched"`
	Termination  string   `json:"termination"`
	End          string   `json:"end"`
	EndedBy      string   `json:"ended_by"`
	Error        string   `json:"error"`

	// Of a report of dropped lines.
	Target string `json:"address"`
	Lines  int64  `json:"lines"`
}

// servedLog is the global option that logs each certificate that is served, for process.run.
const servedLog = "\tlog served {\n\t\tlevel DEBUG\n\t\tinclude tls.cache\n\t}\n"

// globals returns the first global options of every Caddyfile of the tests: all state in the
// process's own directory, its own admin endpoint, and servedLog.
func globals(dir, admin string) string {
	return servedLog + fmt.Sprintf("\tadmin %s\n\tstorage file_system %s\n\tskip_install_trust\n\tauto_https disable_redirects\n\tservers {\n\t\tprotocols h1 h2\n\t}\n", admin, filepath.Join(dir, "state"))
}

// start runs Caddy with a Caddyfile until the test ends. options are more global options, sites
// follow the global block. The process must end in order, without a data race or a panic.
func start(t testing.TB, options, sites string) *process {
	t.Helper()
	p := new(process)
	p.start(t, options, sites)
	return p
}

func (p *process) start(t testing.TB, options, sites string) {
	t.Helper()
	p.dir, p.admin = t.TempDir(), freeAddress(t)
	p.write(t, options, sites)
	certificates := 0
	if sites != "" {
		certificates = len(siteNames)
	}
	p.run(t, "Caddyfile", certificates)
}

// run starts the program in p.dir with one of the files there, and waits until it serves, with as
// many certificates as its sites obtain. A certificate is served a moment after it is obtained.
func (p *process) run(t testing.TB, config string, certificates int) {
	t.Helper()
	p.done, p.more = make(chan struct{}), make(chan struct{})
	of := p.of
	if of == nil {
		of = &program
	}
	p.cmd = commandOf(t, of, p.dir, "run", "--config", config)
	p.cmd.ExtraFiles, p.cmd.Env = p.files, append(p.cmd.Env, p.env...)
	if len(p.wrap) > 0 {
		p.cmd.Args = append(slices.Clone(p.wrap), p.cmd.Args...)
		p.cmd.Path = programs.Need(t, p.wrap[0])
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(stderr)
	t.Cleanup(func() { p.stop(t) })
	p.await(t, "serving initial configuration", func(lines []logLine) bool {
		return slices.ContainsFunc(lines, func(l logLine) bool { return l.Msg == "serving initial configuration" })
	})
	p.await(t, fmt.Sprintf("%d certificates", certificates), func(lines []logLine) bool {
		served := 0
		for _, l := range lines {
			if l.Msg == "added certificate to cache" {
				served++
			}
		}
		return served >= certificates
	})
}

func (p *process) write(t testing.TB, options, sites string) {
	t.Helper()
	text := "{\n" + globals(p.dir, p.admin) + options + "\n}\n" + sites
	if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload loads another configuration through the admin endpoint.
func (p *process) reload(t testing.TB, options, sites string) error {
	t.Helper()
	p.write(t, options, sites)
	return p.load(t)
}

// load loads the current Caddyfile. It tries again while Caddy replaces its admin endpoint because
// of the previous configuration.
func (p *process) load(t testing.TB) error {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(p.dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	// The old admin server waits for keep-alive connections.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err := client.Post("http://"+p.admin+"/load", "text/caddyfile", bytes.NewReader(config))
		if err != nil {
			if time.Now().After(over) || p.hasEnded() {
				t.Fatal(err)
			}
			continue
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(answer.Body)
			return fmt.Errorf("%s: %s", answer.Status, text)
		}
		return nil
	}
}

// hasEnded reports whether the process has ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// read collects the log until the process ends.
func (p *process) read(stderr io.Reader) {
	defer close(p.done)
	lines := bufio.NewReader(stderr)
	for {
		text, err := lines.ReadBytes('\n')
		var line logLine
		parsed := json.Unmarshal(text, &line) == nil
		if parsed && p.each != nil && line.Msg == "session" {
			p.each(&line)
			continue
		}
		p.mu.Lock()
		p.raw.Write(text)
		if parsed {
			p.lines = append(p.lines, line)
		}
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until the log satisfies a condition.
func (p *process) await(t testing.TB, what string, enough func([]logLine) bool) {
	t.Helper()
	over := time.After(patience)
	for {
		p.mu.Lock()
		ok, more := enough(p.lines), p.more
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-more:
		case <-p.done:
			t.Fatalf("Caddy ended before %s appeared:\n%s", what, p.log())
		case <-over:
			t.Fatalf("no %s in %v:\n%s", what, patience, p.log())
		}
	}
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw.String()
}

// sessions waits for the log lines of n connections and returns all lines so far.
func (p *process) sessions(t testing.TB, n int) (found []logLine) {
	t.Helper()
	p.await(t, fmt.Sprintf("%d session lines", n), func(lines []logLine) bool {
		found = found[:0]
		for _, l := range lines {
			if l.Msg == "session" {
				found = append(found, l)
			}
		}
		return len(found) >= n
	})
	return found
}

// forget drops the log so far, before the next case.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
}

// stop ends the process and checks its log.
func (p *process) stop(t testing.TB) {
	if p.over {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Error("Caddy did not end after SIGTERM")
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	err := p.cmd.Wait()
	log := p.log()
	for _, bad := range []string{"DATA RACE", "panic"} {
		if strings.Contains(log, bad) {
			t.Errorf("%s in Caddy's log:\n%s", bad, log)
			return
		}
	}
	if err != nil {
		t.Errorf("Caddy ended with %v:\n%s", err, log)
	}
}

// freeAddress returns a loopback address that nothing else listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	return programs.Address(t)
}

func portOf(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}
