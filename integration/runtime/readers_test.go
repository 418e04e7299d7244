// SPDX-License-Identifier: Apache-2.0

//go:build linux

package runtime

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// readersConfig has servers in several states.
const readersConfig = `
global
    stats socket "${socket}" level admin
    stats timeout 1m
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen web
    bind "${web}"
    maxconn 100
    fullconn 50
    server s1 "${s1}" check inter 200ms maxconn 10
    server s2 "${s1}" check inter 200ms weight 20
    server down 127.0.0.1:1 check inter 200ms fall 1
    server off "${s1}" disabled
`

// newReadersRig returns both programs after equal traffic. Each section is one more address.
func newReadersRig(t *testing.T, config string, sections ...string) *rig {
	t.Helper()
	r := newRig(t, config, map[string]string{"s1": doubling(t)}, append(sections, "web")...)
	for p := range r.both {
		until(t, p.name+": servers checked", func() bool {
			return p.state(t, "s1") == "UP" && p.state(t, "s2") == "UP" && p.state(t, "down") == "DOWN"
		})
		for i := range 5 {
			if err := p.exchange("web", 100+i); err != nil {
				t.Fatal(err)
			}
			p.quiet(t)
		}
	}
	return r
}

// Telegraf's input reads the same from both programs.
func TestTelegraf(t *testing.T) {
	t.Parallel()
	programs.Need(t, "haproxy")
	reader := filepath.Join(t.TempDir(), "readers")
	if out, err := exec.Command("go", "build", "-C", "../../.ci/readers", "-o", reader).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" { // its modules cannot be had here
			t.Skipf("%v\n%s", err, out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	r := newReadersRig(t, readersConfig+pagesConfig, pages...)
	compare(t, r, "the socket", func(p *program) ([]string, error) { return telegraf(reader, p.socket) })
	for _, from := range []string{"http://%s", "http://%s/;csv"} {
		compare(t, r, from, func(p *program) ([]string, error) { return telegraf(reader, fmt.Sprintf(from, p.at["open"])) })
	}
	compare(t, r, "a page with a password", func(p *program) ([]string, error) {
		return telegraf(reader, "http://ops:secret@"+p.at["guarded"]+"/haproxy?stats")
	})
}

// telegraf returns what Telegraf's input reads from a socket or URL, a line for each field.
func telegraf(reader, from string) (lines []string, err error) {
	out, err := exec.Command(reader, from).Output()
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Tags   map[string]string
		Fields map[string]any
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Tags["pxname"] != "web" { // pages have no row here
			continue
		}
		name := row.Tags["pxname"] + "/" + row.Tags["svname"]
		lines = append(lines, name+" type "+row.Tags["type"])
		for field, value := range row.Fields {
			if statDiffers[field] == "" && statDiffers[name+" "+field] == "" {
				lines = append(lines, fmt.Sprintf("%s %s %v", name, field, value))
			}
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// exporterDiffers are parts of the names of metrics that may differ: those of statDiffers, and
// those about the process and the exporter.
var exporterDiffers = []string{"_rate", "_seconds", "_max_sessions", "chkdown", "server_downtime", "exporter_", "process_", "version_info"}

// Prometheus's exporter for HAProxy exports the same for both programs.
func TestHAProxyExporter(t *testing.T) {
	t.Parallel()
	exporter := programs.Need(t, "prometheus-haproxy-exporter")
	r := newReadersRig(t, readersConfig+pagesConfig, pages...)
	for name, from := range map[string]func(*program) string{
		"the socket":             func(p *program) string { return "unix:" + p.socket },
		"a page":                 func(p *program) string { return "http://" + p.at["open"] + "/;csv" },
		"a page with a password": func(p *program) string { return "http://ops:secret@" + p.at["guarded"] + "/haproxy?stats;csv" },
	} {
		metrics := make(map[*program]string)
		for p := range r.both {
			metrics[p] = runExporter(t, exporter, from(p))
		}
		compare(t, r, name, func(p *program) ([]string, error) { return exported(metrics[p]) })
	}
}

// runExporter runs the exporter, and returns the URL of its metrics.
func runExporter(t *testing.T, exporter, from string) (url string) {
	t.Helper()
	address := programs.Address(t)
	command := exec.Command(exporter, "--haproxy.scrape-uri="+from, "--web.listen-address="+address)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGKILL)
		_ = command.Wait()
	})
	url = "http://" + address + "/metrics"
	until(t, "the exporter answers", func() bool {
		lines, err := exported(url)
		return err == nil && len(lines) > 0
	})
	return url
}

// exported returns the metrics of the section web that must be equal. Pages have metrics in
// HAProxy alone.
func exported(url string) (lines []string, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, "{")
		differs := slices.ContainsFunc(exporterDiffers, func(part string) bool { return strings.Contains(name, part) })
		if !differs && strings.Contains(line, `="web"`) || strings.HasPrefix(line, "haproxy_up ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines, err
}

// The checks for Nagios that Debian has say the same about both programs.
func TestNagios(t *testing.T) {
	t.Parallel()
	const check, checkPage = "/usr/lib/nagios/plugins/check_haproxy_stats", "/usr/lib/nagios/plugins/check_haproxy"
	programs.Need(t, check)
	programs.Need(t, checkPage)
	r := newReadersRig(t, readersConfig+pagesConfig, pages...)
	compare(t, r, "a page", func(p *program) ([]string, error) {
		return nagios(check, "--proxy=web", "--url=http://"+p.at["open"]+"/;csv")
	})
	compare(t, r, "a page with a password", func(p *program) ([]string, error) {
		return nagios(checkPage, "--username=ops", "--password=secret", "--url=http://"+p.at["guarded"]+"/haproxy?stats;csv")
	})
	for _, args := range []string{"--proxy=web", "--proxy=web --ignore-maint", "--proxy=web --ignore-maint --ignore-regex=down", "--proxy=web -w 1 -c 2"} {
		compare(t, r, args, func(p *program) ([]string, error) {
			return nagios(check, append(strings.Fields(args), "--socket="+p.socket)...)
		})
	}
}

// took is the time in an answer of a check.
var took = regexp.MustCompile(`t=[0-9.]+s`)

// nagios returns the answer and the state of a check.
func nagios(check string, args ...string) ([]string, error) {
	command := exec.Command(check, args...)
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		return nil, err
	}
	return []string{took.ReplaceAllString(string(out), ""), fmt.Sprint("status ", command.ProcessState.ExitCode())}, nil
}

// compare compares what a reader reads from both programs, until it is equal.
func compare(t *testing.T, r *rig, what string, read func(*program) ([]string, error)) {
	t.Helper()
	var diff string
	agree := func() bool {
		want, err := read(r.haproxy)
		if err != nil || len(want) == 0 {
			diff = fmt.Sprintf("HAProxy: %q, %v", want, err)
			return false
		}
		got, err := read(r.ours)
		if err != nil {
			diff = fmt.Sprintf("ours: %v", err)
			return false
		}
		diff = cmp.Diff(want, got)
		return diff == ""
	}
	if !eventually(agree) {
		t.Errorf("%s: -HAProxy +ours\n%s", what, diff)
	}
}
