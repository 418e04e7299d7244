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

// askHAProxy runs HAProxy with one backend, with one server s, for each entry of backends, until
// judge finds no problem in the statistics of the checked servers. It retries because a check may
// time out on a busy machine and be followed by another.
func askHAProxy(t *testing.T, status string, backends map[string]string, judge func(all map[string]map[string]string) (problems []string)) {
	t.Helper()
	path := need(t, "haproxy")
	dir, err := os.MkdirTemp("", "checks") // paths of sockets must be short
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
	all, problems := make(map[string]map[string]string), []string{"HAProxy has not checked its servers"}
	for over := time.Now().Add(2 * ample); len(problems) > 0 && time.Now().Before(over); {
		time.Sleep(soon)
		for name, row := range statistics(socket) {
			if checkFinished(row[status]) {
				all[name] = row
			}
		}
		if len(all) == len(backends) {
			problems = judge(all)
		}
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// haproxyCase is the check result that HAProxy reports for a backend's lines.
type haproxyCase struct {
	name, lines string
	code        pool.Code
}

// expectHAProxyCodes runs askHAProxy and compares the codes of its checks.
func expectHAProxyCodes(t *testing.T, tests []haproxyCase) {
	t.Helper()
	backends := make(map[string]string)
	for i, test := range tests {
		backends[fmt.Sprint("b", i)] = test.lines
	}
	askHAProxy(t, "check_status", backends, func(all map[string]map[string]string) (problems []string) {
		for i, test := range tests {
			if row := all[fmt.Sprint("b", i)]; row["check_status"] != string(test.code) {
				problems = append(problems, fmt.Sprintf("%s: HAProxy says %s (%s), and we should say %s", test.name, row["check_status"], row["last_chk"], string(test.code)))
			}
		}
		return problems
	})
}

// checkFinished reports whether a server's row shows a finished check: not before the first one,
// and not while the next one runs. During that, HAProxy shows the last status after "* ", without
// its text.
func checkFinished(status string) bool {
	return status != "" && status != "INI" && !strings.HasPrefix(status, "* ")
}

// statistics returns the statistics of the servers by backend and column.
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
	t.Parallel()
	var tests []haproxyCase
	for _, s := range slices.Concat(scripts, valueScripts) {
		lines, want := " option tcp-check\n", s.code
		for rule := range strings.SplitSeq(s.rules, ";") {
			if rule != "" {
				lines += " tcp-check " + rule + "\n"
			}
		}
		if s.differ != "" {
			want = s.differ
		}
		tests = append(tests, haproxyCase{s.name, lines + " server s " + serve(t, s.server) + " check inter 900ms\n", want})
	}
	expectHAProxyCodes(t, tests)
}

func TestSSLHelloAgainstHAProxy(t *testing.T) {
	t.Parallel()
	var tests []haproxyCase
	for answer, want := range map[string]pool.Code{
		"\x16\x03\x03\x00\x50": pool.Layer6OK, "\x15\x03\x01\x00\x02\x02\x28": pool.Layer6OK, "\x14\x03\x03\x00\x50": pool.Layer6Response,
		"SSH-2.0": pool.Layer6Response, "\x16\x03\x03": pool.Layer6Timeout, "\x17\x03\x03\x00\x50": pool.Layer6Response,
	} {
		address := serve(t, afterFirst(says(answer)))
		tests = append(tests, haproxyCase{fmt.Sprintf("%q", answer), " option ssl-hello-chk\n server s " + address + " check inter 900ms\n", want})
		expectCheck(t, new(SSLHello), address, want, "*")
	}
	expectHAProxyCodes(t, tests)
}

func TestAgentAgainstHAProxy(t *testing.T) {
	t.Parallel()
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
	told := make([]pool.AgentReport, len(lines))
	for i := range lines {
		told[i] = new(Agent).Ask(context.Background(), to(addresses[i]))
	}
	askHAProxy(t, "agent_status", backends, func(all map[string]map[string]string) (problems []string) {
		for i, text := range lines {
			row := all[fmt.Sprint("b", i)]
			want := fmt.Sprintf("%s %q %s %s", row["agent_status"], strings.ToLower(strings.Replace(row["last_agt"], " : ", ": ", 1)), row["weight"], row["slim"])
			if got := asStatistics(t, told[i]); got != want {
				problems = append(problems, fmt.Sprintf("%q: got %s, HAProxy says %s", text, got, want))
			}
		}
		return problems
	})
}

// asStatistics formats an agent's report as HAProxy's statistics show it for a server of weight 100
// with 50 connections.
func asStatistics(t *testing.T, r pool.AgentReport) string {
	weight, maxconn, code := 100, 50, string(r.Code)
	if r.Weight != "" {
		var err error
		if weight, err = pool.ParseWeight(r.Weight, 100); err != nil {
			t.Error(err)
		}
	}
	if r.MaxConn != nil {
		maxconn = *r.MaxConn
	}
	if r.Code == pool.CodeNotChecked {
		code = "CHECKED"
	}
	return fmt.Sprintf("%s %q %d %d", code, strings.ToLower(r.Info), weight, maxconn)
}
