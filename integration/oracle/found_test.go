// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// found is the directory of complete configurations, such as users have: with their own global and
// defaults sections. Our program gets them unchanged but for their logs, and for the
// paths and owners of their stats sockets.
const found = "found/"

// ofTheProcess are the words of global about the process, its log and its sockets. In a found file
// they fit another machine.
var ofTheProcess = []string{
	"chroot", "cpu-map", "daemon", "gid", "group", "master-worker", "maxconn", "nbthread", "pidfile", "stats", "uid", "ulimit-n", "user",
}

// unlogged are the lines, in any section, that keep connections out of the log.
var unlogged = []string{"option dontlognull", "option dontlog-normal", "no log"}

// sections are the words that begin a section, as far as the corpus has them.
var sections = []string{"global", "defaults", "frontend", "backend", "listen", "resolvers", "userlist", "peers", "ring", "cache", "mailers", "program"}

// logged returns a found file with its log going to the rig, complete and with the rig's data, and
// with a stats socket that this machine can open. For HAProxy, the lines about the process are left
// out.
func logged(defaults, config string, forHAProxy bool) string {
	global, _, _ := strings.Cut(defaults, "\ndefaults")
	_, data, _ := strings.Cut(defaults, "log-format-sd ")
	data, _, _ = strings.Cut(data, "\n")
	var (
		text strings.Builder
		in   string
	)
	text.WriteString(global + "\n")
	leave := func() {
		if in == "frontend" || in == "listen" {
			text.WriteString("    log global\n    option tcplog\n    log-format-sd " + data + "\n")
		}
	}
	for line := range strings.Lines(config) {
		words := strings.Fields(line)
		if len(words) > 0 && slices.Contains(sections, words[0]) {
			leave()
			in = words[0]
		}
		if isLogTarget(words) || slices.Contains(unlogged, strings.Join(words, " ")) ||
			forHAProxy && in == "global" && len(words) > 0 && slices.Contains(ofTheProcess, words[0]) {
			line = "# " + line
		} else if in == "global" && len(words) > 2 && words[0] == "stats" && words[1] == "socket" {
			line = statsSocket(words) + "\n"
		}
		text.WriteString(line)
	}
	leave()
	return text.String()
}

// statsSockets numbers the stats sockets of this process.
var statsSockets atomic.Int64

// statsSocket returns the line of a stats socket with another address, and without an owner.
func statsSocket(words []string) string {
	words = slices.Clone(words)
	words[2] = fmt.Sprintf("abns@stats-%d-%d", os.Getpid(), statsSockets.Add(1))
	for _, of := range []string{"user", "group", "uid", "gid"} {
		if i := slices.Index(words, of); i > 2 {
			words = slices.Delete(words, i, i+2)
		}
	}
	return strings.Join(words, " ")
}

// isLogTarget reports whether a line names a target of its own.
func isLogTarget(words []string) bool {
	return len(words) > 2 && words[0] == "log"
}

// check checks a file with both programs: HAProxy must accept it. It returns our errors, a line
// each.
func (s *scenario) check(t *testing.T, judge *haproxy, ours *caddy, flags ...string) []string {
	t.Helper()
	dir := t.TempDir()
	r := &run{ports: make(map[string]string), servers: make(map[string]*server)}
	defer r.close()
	env, err := r.prepare(s, dir, s.config)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.command(dir, env, judge.path, "-c", "-f", "haproxy.cfg"); err != nil {
		t.Errorf("HAProxy refuses the file:\n%s", out)
	}
	var refused *exec.ExitError
	out, err := s.command(dir, append(env, "HAPROXY_BRANCH="+ours.branch), ours.path, append([]string{"haproxy-check", "-f", "haproxy.cfg"}, flags...)...)
	if err != nil && (!errors.As(err, &refused) || refused.ExitCode() != 1) {
		t.Errorf("our check ends with %v:\n%s", err, out)
	}
	var wrong []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "[ALERT]") && strings.Contains(line, "haproxy.cfg:") {
			wrong = append(wrong, strings.TrimSpace(line))
		}
	}
	if (err != nil) != (len(wrong) > 0) {
		t.Errorf("our check ends with %v:\n%s", err, out)
	}
	return wrong
}

func (s *scenario) command(dir string, env []string, program string, args ...string) (out string, err error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), env...), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err = cmd.Run()
	return both.String(), err
}

// isRefused checks that a file is refused for exactly the expected words.
func (s *scenario) isRefused(t *testing.T, judge *haproxy, ours *caddy) {
	t.Helper()
	file := filepath.Join(folder, s.name) + ".txt"
	wrong := s.check(t, judge, ours)
	if len(wrong) == 0 {
		t.Errorf("the file runs: replace the part refused of %s by servers and a script", file)
	}
	if left := s.check(t, judge, ours, "--skip-http"); (len(left) == 0) != s.runsWithoutHTTP {
		t.Errorf("errors with --skip-http:\n%s\nin %s, expected a part \"refused\" if there are any, otherwise \"refused without --skip-http\"", strings.Join(left, "\n"), file)
	}
	for _, word := range s.refused {
		if !slices.ContainsFunc(wrong, func(line string) bool { return hasWord(line, word) }) {
			t.Errorf("%q is not refused:\n%s", word, strings.Join(wrong, "\n"))
		}
	}
	for _, line := range wrong {
		if !slices.ContainsFunc(s.refused, func(word string) bool { return hasWord(line, word) }) {
			t.Errorf("refused for another reason:\n%s", line)
		}
	}
}

// hasWord reports whether a line contains a word that is not part of a longer one.
func hasWord(line, word string) bool {
	return regexp.MustCompile(`(^|[^-\w.])` + regexp.QuoteMeta(word) + `($|[^-\w.])`).MatchString(line)
}

// addRefused adds a word of the part "refused".
func (s *scenario) addRefused(l scriptLine) error {
	word := strings.Join(l.rest, " ")
	if word == "" {
		return fmt.Errorf("expected a word")
	}
	s.refused = append(s.refused, word)
	return nil
}
