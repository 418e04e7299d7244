// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

const socketConfig = `
global
    stats socket "${socket}" level admin mode 660 gid 7
    stats socket "${socket}u" mode 600 level user
    stats socket "ipv4@${tcp}" level operator
    stats timeout 1m
    stats maxconn 20
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen web
    bind "${web}"
    server s1 127.0.0.1:1
`

// The paths have the configured mode and owner, and each socket its level.
func TestSockets(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files to others")
	}
	r := newRig(t, socketConfig, nil, "web", "tcp")
	for p := range r.both {
		for path, want := range map[string]struct {
			mode  os.FileMode
			group uint32
		}{p.socket: {0o660, 7}, p.socket + "u": {0o600, 0}} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want.mode || info.Sys().(*syscall.Stat_t).Gid != want.group {
				t.Errorf("%s: %s: mode %o, group %d, want %o, %d", p.name, filepath.Base(path), got, info.Sys().(*syscall.Stat_t).Gid, want.mode, want.group)
			}
		}
		user := &program{name: p.name, socket: p.socket + "u"}
		if got := user.ask(t, "show cli level"); got != "user\n\n" {
			t.Errorf("%s: %q", p.name, got)
		}
	}
}

// A socket that other hosts can reach is a warning; one of loopback is not.
func TestOpenSocketWarns(t *testing.T) {
	t.Parallel()
	const config = "global\n\tstats socket \"${socket}\"\n\tstats socket \"ipv4@${loopback}\"\n\tstats socket \"ipv4@${open}\" level admin\n"
	dir := t.TempDir()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(programs.Address(t), ":")
	start(t, "ours", dir, map[string]string{"open": "0.0.0.0:" + port}, []string{"loopback"}, built.Path(t), "run", "--adapter", "haproxy", "--config", file)
	var warnings []string
	until(t, "a warning", func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, "ours", "output"))
		warnings = nil
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "open to other hosts") {
				warnings = append(warnings, line)
			}
		}
		return len(warnings) > 0
	})
	if len(warnings) != 1 || !strings.Contains(warnings[0], `:`+port) || !strings.Contains(warnings[0], `"level":"admin"`) || !strings.Contains(warnings[0], `"level":"warn"`) {
		t.Errorf("%q", warnings)
	}
}

// The commands of HAProxy's management guide for socat work.
func TestSocat(t *testing.T) {
	t.Parallel()
	programs.Need(t, "socat")
	r := newRig(t, socketConfig, nil, "web", "tcp")
	for _, script := range []string{
		`echo "show cli level" | socat stdio "$socket"`,
		`socat "$socket" stdio <<< "show cli level; show version" | head -2`,
		`echo "show cli level" | socat stdio "tcp4-connect:$tcp"`,
		`printf 'prompt\nshow cli level\nquit\n' | socat stdio "unix-connect:$socket"`,
		`echo "show stat" | socat stdio "$socket" | cut -d, -f1,2,18`,
		`echo "disable server web/s1; show stat web 4 -1" | socat stdio "$socket" | cut -d, -f1,2,18`,
		`echo "show info" | socat stdio "$socket" | grep -E '^(Nbproc|Maxconn_not_there|Stopping):'`,
		`echo "show servers state" | socat stdio "$socket" | cut -d' ' -f2-6`,
	} {
		var answers []string
		for p := range r.both {
			command := exec.Command("bash", "-c", script)
			command.Env = p.env
			out, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %s: %v\n%s", p.name, script, err, out)
			}
			answers = append(answers, withoutVersion(string(out)))
		}
		if answers[0] != answers[1] {
			t.Errorf("%s:\ngot  %q\nwant %q", script, answers[1], answers[0])
		}
	}
}

// withoutVersion returns an answer without the version in its second line.
func withoutVersion(answer string) string {
	lines := strings.Split(answer, "\n")
	if len(lines) > 1 && lines[0] == "admin" && lines[1] == "" {
		return lines[0]
	}
	return answer
}

// Reloads refuse no client of the socket.
func TestSocketSurvivesReloads(t *testing.T) {
	t.Parallel()
	r := newRig(t, socketConfig, nil, "web", "tcp")
	file := filepath.Join(r.dir, "haproxy.cfg")
	stop := make(chan struct{})
	failed := make(chan error, 4)
	var asked atomic.Int64
	for range cap(failed) {
		go func() {
			for {
				select {
				case <-stop:
					failed <- nil
					return
				default:
				}
				answer, err := r.ours.tell("show cli level")
				if err == nil && answer != "admin\n\n" {
					err = fmt.Errorf("the answer is %q", answer)
				}
				if err != nil {
					failed <- err
					return
				}
				asked.Add(1)
				time.Sleep(time.Millisecond)
			}
		}()
	}
	for i := range 5 {
		changed := strings.Replace(socketConfig, "server s1 127.0.0.1:1", "server s1 127.0.0.1:1 weight "+string(rune('1'+i)), 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		reload := exec.Command(built.Path(t), "reload", "--adapter", "haproxy", "--config", file, "--address", admin(r.ours.env))
		reload.Env = r.ours.env
		if out, err := reload.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	close(stop)
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if asked.Load() == 0 {
		t.Error("the socket was never asked")
	}
	if got := r.ours.ask(t, "get weight web/s1"); got != "5 (initial 5)\n\n" {
		t.Errorf("the weight after the reloads: %q", got)
	}
}

// admin returns the address of Caddy's admin endpoint.
func admin(env []string) string {
	for _, entry := range env {
		if address, ok := strings.CutPrefix(entry, "CADDY_ADMIN="); ok {
			return address
		}
	}
	return ""
}
