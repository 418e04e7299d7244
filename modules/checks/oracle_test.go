// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// askHAProxy runs HAProxy with backends of one server s each, whose lines are given,
// and returns what its statistics say once all servers have been checked.
func askHAProxy(t *testing.T, status string, backends map[string]string) map[string]map[string]string {
	t.Helper()
	path := need(t, "haproxy")
	dir, err := os.MkdirTemp("", "checks") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, file := filepath.Join(dir, "s"), filepath.Join(dir, "haproxy.cfg")
	config := fmt.Sprintf("global\n stats socket %s\ndefaults\n mode tcp\n timeout connect 2s\n timeout check %dms\n timeout server 5s\n", socket, (3 * soon).Milliseconds())
	for name, lines := range backends {
		config += "backend " + name + "\n" + lines
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	command := exec.Command(path, "-db", "-f", file)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		if t.Failed() {
			t.Logf("%.4000s", output.String())
		}
	})
	all := make(map[string]map[string]string)
	for range 100 {
		time.Sleep(soon)
		for name, row := range statistics(socket) {
			if all[name] == nil && settled(row[status]) {
				all[name] = row
			}
		}
		if len(all) == len(backends) {
			return all
		}
	}
	t.Fatal("HAProxy has not checked its servers")
	return nil
}

// settled reports whether a server's row says how its check ended: not before its first
// check, and not while the next one is under way, when HAProxy shows the status of the last
// check behind a "* " and its text no longer.
func settled(status string) bool {
	return status != "" && status != "INI" && !strings.HasPrefix(status, "* ")
}

// statistics are those of the servers, by backend and column.
func statistics(socket string) map[string]map[string]string {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil
	}
	defer c.Close()
	io.WriteString(c, "show stat\n")
	text, _ := io.ReadAll(c)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(string(text)), "# "))).ReadAll()
	if err != nil {
		return nil
	}
	all := make(map[string]map[string]string)
	for _, row := range rows[1:] {
		named := make(map[string]string)
		for i, column := range rows[0] {
			named[column] = row[i]
		}
		if named["svname"] == "s" {
			all[named["pxname"]] = named
		}
	}
	return all
}

func TestScriptsAgainstHAProxy(t *testing.T) {
	backends, scripts := make(map[string]string), slices.Concat(scripts, valued)
	for i, s := range scripts {
		lines := " option tcp-check\n"
		for rule := range strings.SplitSeq(s.rules, ";") {
			if rule != "" {
				lines += " tcp-check " + rule + "\n"
			}
		}
		backends[fmt.Sprint("b", i)] = lines + " server s " + serve(t, s.server) + " check inter 900ms\n"
	}
	all := askHAProxy(t, "check_status", backends)
	for i, s := range scripts {
		want := s.code
		if s.differ != "" {
			want = s.differ
		}
		if got := all[fmt.Sprint("b", i)]["check_status"]; got != string(want) {
			t.Errorf("%s: HAProxy says %s, and we should say %s", s.name, got, string(want))
		}
	}
}

func TestSSLHelloAgainstHAProxy(t *testing.T) {
	answers := []string{"\x16\x03\x03\x00\x50", "\x15\x03\x01\x00\x02\x02\x28", "\x14\x03\x03\x00\x50", "SSH-2.0", "\x16\x03\x03", "\x17\x03\x03\x00\x50"}
	backends, addresses := make(map[string]string), make([]string, len(answers))
	for i, answer := range answers {
		addresses[i] = serve(t, afterFirst(says(answer)))
		backends[fmt.Sprint("b", i)] = " option ssl-hello-chk\n server s " + addresses[i] + " check inter 900ms\n"
	}
	all := askHAProxy(t, "check_status", backends)
	for i, answer := range answers {
		got := checked(new(SSLHello), hasty(3*soon, addresses[i]))
		if want := all[fmt.Sprint("b", i)]["check_status"]; string(got.Code) != want {
			t.Errorf("%q: got %s, HAProxy says %s", answer, string(got.Code), want)
		}
	}
}

func TestAgentAgainstHAProxy(t *testing.T) {
	lines := []string{
		"up", "UP", "down", "Stopped", "fail", "up down", "down,up", "ready", "50%", "0%", "200%", "50% 60%", "maxconn:5", "maxconn:5 maxconn:7", "MAXCONN:9",
		"foo bar", "up foo", "stopped foo bar", "down # a, b 20% up", "down #", "down text # text2", "down #a#b", "down#a", "foo # bar", "50", "%", "a5%", "+50%", "50 %", "up;down",
		"ready,up 10% maxconn:5", "", " \t,", "foo up", "down foo 20%", "up # fine", "up\t#\tfine", "up\tdown,maxconn:3",
	}
	backends, addresses := make(map[string]string), make([]string, len(lines))
	for i, text := range lines {
		addresses[i] = serve(t, saysAndCloses(text+"\n"))
		_, port, _ := net.SplitHostPort(addresses[i])
		backends[fmt.Sprint("b", i)] = " server s 127.0.0.1:9 weight 100 maxconn 50 agent-check agent-inter 900ms agent-port " + port + "\n"
	}
	all := askHAProxy(t, "agent_status", backends)
	for i, text := range lines {
		r, row := new(Agent).Ask(context.Background(), to(addresses[i])), all[fmt.Sprint("b", i)]
		weight, maxconn := 100, 50
		if r.Weight != "" {
			var err error
			if weight, err = pool.ParseWeight(r.Weight, 100); err != nil {
				t.Error(err)
			}
		}
		if r.MaxConn != nil {
			maxconn = *r.MaxConn
		}
		code := string(r.Code)
		if r.Code == pool.NotChecked {
			code = "CHECKED"
		}
		got := fmt.Sprintf("%s %q %d %d", code, strings.ToLower(r.Info), weight, maxconn)
		want := fmt.Sprintf("%s %q %s %s", row["agent_status"], strings.ToLower(strings.Replace(row["last_agt"], " : ", ": ", 1)), row["weight"], row["slim"])
		if got != want {
			t.Errorf("%q: got %s, HAProxy says %s", text, got, want)
		}
	}
}
