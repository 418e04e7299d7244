// SPDX-License-Identifier: Apache-2.0

//go:build servers

// Package servers checks real databases, directories and mail servers by HAProxy and by this
// program, side by side, from one haproxy.cfg: both must find the same state and the same code. The
// servers are installed from Debian for it, so the tests have a build tag: `make servers`.
package servers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// patience bounds every wait.
const patience = time.Minute

var built programs.Caddy

func TestMain(m *testing.M) {
	status := m.Run()
	built.Remove()
	os.Exit(status)
}

// finding is a program's finding about a server.
type finding struct {
	state string // up or down
	code  string
	info  string
}

// program is HAProxy, or ours.
type program struct {
	name     string
	findings func() (map[string]finding, error)
}

// expected is the finding of both programs about the server of a backend.
type expected struct {
	name    string
	options string // of the backend, and after a | more words of its server
	address string
	want    finding // info is a part of ours
	haproxy string  // HAProxy's code, if it differs
}

// judge runs both programs with a backend for each expectation, and returns a function that waits
// until both find the expected states. It may be called again with others, of the same backends,
// when the servers have changed.
func judge(t *testing.T, all []expected) func(*testing.T, []expected) {
	t.Helper()
	config := "global\n stats socket \"${SOCKET}\"\ndefaults\n mode tcp\n timeout connect 5s\n timeout check 2s\n timeout client 1m\n timeout server 1m\n" +
		"frontend unused\n bind unix@\"${UNUSED}\"\n default_backend " + all[0].name + "\n"
	for _, e := range all {
		options, words, _ := strings.Cut(e.options, "|")
		config += "backend " + e.name + "\n"
		for option := range strings.SplitSeq(options, ";") {
			config += " " + option + "\n"
		}
		config += " server s " + e.address + " check inter 400ms rise 1 fall 1 " + words + "\n"
	}
	dir := shortDir(t)
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	both := []program{startHAProxy(t, dir), startOurs(t, dir)}
	return func(t *testing.T, all []expected) {
		t.Helper()
		for _, p := range both {
			p.expect(t, all)
		}
	}
}

// expect waits until the program finds the expected states.
func (p *program) expect(t *testing.T, all []expected) {
	t.Helper()
	var wrong []string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		found, err := p.findings()
		if wrong = nil; err != nil {
			wrong = []string{err.Error()}
			continue
		}
		for _, e := range all {
			want := e.want
			if p.name == "HAProxy" {
				want.info = ""
				if e.haproxy != "" {
					want.code = e.haproxy
				}
			}
			got := found[e.name]
			if got.state != want.state || got.code != want.code || !strings.Contains(got.info, want.info) {
				wrong = append(wrong, fmt.Sprintf("%s: %s finds %+v, want %+v", e.name, p.name, got, want))
			}
		}
		if len(wrong) == 0 {
			return
		}
	}
	t.Error(strings.Join(wrong, "\n"))
}

// startHAProxy runs HAProxy, by default the installed one: HAPROXY in the environment names
// another.
func startHAProxy(t *testing.T, dir string) program {
	t.Helper()
	path := os.Getenv("HAPROXY")
	if path == "" {
		path = programs.Need(t, "haproxy")
	}
	socket := filepath.Join(dir, "h")
	start(t, nil, []string{"SOCKET=" + socket, "UNUSED=" + filepath.Join(dir, "hu")}, path, "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
	return program{"HAProxy", func() (map[string]finding, error) { return statistics(socket) }}
}

// statistics returns HAProxy's findings about the servers, by backend.
func statistics(socket string) (map[string]finding, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "show stat -1 4 -1\n"); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(string(text)), "# "))).ReadAll()
	if err != nil {
		return nil, err
	}
	all := make(map[string]finding)
	for _, row := range rows[1:] {
		named := make(map[string]string)
		for i, column := range rows[0] {
			named[column] = row[i]
		}
		state, _, _ := strings.Cut(strings.ToLower(named["status"]), " ")
		code := strings.TrimPrefix(named["check_status"], "* ") // of the check before the current one
		all[named["pxname"]] = finding{state, code, strings.TrimSpace(named["check_code"] + " " + named["last_chk"])}
	}
	return all, nil
}

// startOurs runs our program with the same haproxy.cfg.
func startOurs(t *testing.T, dir string) program {
	t.Helper()
	admin := freeAddress(t)
	start(t, nil, []string{
		"SOCKET=" + filepath.Join(dir, "o"), "UNUSED=" + filepath.Join(dir, "ou"), "CADDY_ADMIN=" + admin,
		"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
	}, built.Path(t), "run", "--adapter", "haproxy", "--config", filepath.Join(dir, "haproxy.cfg"))
	return program{"ours", func() (map[string]finding, error) { return shown(admin) }}
}

// shown returns our admin endpoint's findings about the servers, by backend.
func shown(admin string) (map[string]finding, error) {
	answer, err := http.Get("http://" + admin + "/passthrough/backends")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var backends map[string]struct {
		Servers map[string]struct {
			Health    string `json:"health"`
			LastCheck struct {
				Code string `json:"code"`
				Info string `json:"info"`
			} `json:"last_check"`
		} `json:"servers"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&backends); err != nil {
		return nil, err
	}
	all := make(map[string]finding)
	for name, b := range backends {
		s := b.Servers["s"]
		all[name] = finding{s.Health, s.LastCheck.Code, s.LastCheck.Info}
	}
	return all, nil
}

// start runs a program until the test ends, or stop is called.
func start(t *testing.T, as *syscall.Credential, env []string, path string, args ...string) (stop func()) {
	t.Helper()
	output, err := os.CreateTemp(t.TempDir(), "output")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, args...)
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
	command.Dir = "/"
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		_ = command.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(10*time.Second, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
		defer timer.Stop()
		_ = command.Wait()
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			text, _ := os.ReadFile(output.Name())
			t.Logf("%s:\n%.8000s", filepath.Base(path), text)
		}
		output.Close()
	})
	return stop
}

// run runs a program to its end.
func run(t *testing.T, as *syscall.Credential, path string, args ...string) string {
	t.Helper()
	command := exec.Command(path, args...)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	command.Dir = "/"
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(path), err, text)
	}
	return string(text)
}

// nobody returns an unprivileged user, for servers that do not run as root; nil if the test itself
// does not run as root.
func nobody() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	const id = 65534
	return &syscall.Credential{Uid: id, Gid: id, NoSetGroups: true}
}

// shortDir returns a directory with a name short enough for a socket in it, owned by nobody.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if as := nobody(); as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// write writes a file in a directory.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// find returns the path of a program that may not be in PATH.
func find(t *testing.T, name string, patterns ...string) string {
	t.Helper()
	for _, pattern := range append([]string{"/usr/sbin/" + name}, patterns...) {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return programs.Need(t, name)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// awaitListener waits until something listens at each address.
func awaitListener(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
	}
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// stopped returns the expectations with each server stopped.
func stopped(all []expected) (down []expected) {
	for _, e := range all {
		e.want, e.haproxy = finding{"down", "L4CON", "connection refused"}, ""
		down = append(down, e)
	}
	return down
}
