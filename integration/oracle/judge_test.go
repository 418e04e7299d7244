// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// haproxy is the real one.
type haproxy struct {
	path    string
	version version
}

// version is the version of a branch of HAProxy.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) before(o version) bool {
	return v.major < o.major || v.major == o.major && v.minor < o.minor
}

func parseVersion(text string) (v version, err error) {
	if n, err := fmt.Sscanf(text, "%d.%d", &v.major, &v.minor); err != nil || n != 2 {
		return v, fmt.Errorf("expected a version such as 2.8, not %q", text)
	}
	return v, nil
}

// findHAProxy returns the HAProxy that HAPROXY in the environment names, or else the installed one.
func findHAProxy(t *testing.T) *haproxy {
	t.Helper()
	path := os.Getenv("HAPROXY")
	if path == "" {
		path = programs.Need(t, "haproxy")
	}
	branch, err := programs.Branch(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := parseVersion(branch)
	if err != nil {
		t.Fatal(err)
	}
	return &haproxy{path, v}
}

func (h *haproxy) String() string { return "HAProxy " + h.version.String() }

// judge is a running HAProxy.
type judge struct {
	cmd    *exec.Cmd
	log    net.PacketConn
	socket string
	ended  chan struct{}
	journal
}

func (h *haproxy) start(dir string, env []string) (process, error) {
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	j := &judge{log: log, socket: filepath.Join(dir, "admin.sock"), ended: make(chan struct{})}
	go j.listen(log)
	j.cmd = exec.Command(h.path, "-db", "-f", "haproxy.cfg")
	j.cmd.Dir = dir
	j.cmd.Env = append(append(os.Environ(), env...), "log="+port(log.LocalAddr().String()), "socket="+j.socket)
	j.cmd.Stdout, j.cmd.Stderr = j, j
	if err := j.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		defer close(j.ended)
		_ = j.cmd.Wait()
	}()
	for over := time.Now().Add(startup); ; time.Sleep(5 * time.Millisecond) {
		if _, err := j.command("show info"); err == nil {
			return j, nil
		}
		select {
		case <-j.ended:
		default:
			if time.Now().Before(over) {
				continue
			}
		}
		return nil, errors.Join(fmt.Errorf("HAProxy does not run:\n%s", j.printed()), j.stop())
	}
}

// command sends a command to the socket of the run-time interface.
func (j *judge) command(line string) (string, error) {
	c, err := net.Dial("unix", j.socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(bufio.NewReader(c))
	if err == nil && len(answer) == 0 {
		err = errors.New("no answer")
	}
	return strings.TrimSpace(string(answer)), err
}

func (j *judge) set(c change) error {
	name := c.backend + "/" + c.server
	line := map[string]string{
		"weight":   "set server " + name + " weight " + c.value,
		"disabled": "disable server " + name,
		"enabled":  "enable server " + name,
		"state":    "set server " + name + " state " + c.value,
		"health":   "set server " + name + " health " + c.value,
	}[c.word]
	answer, err := j.command(line)
	if err == nil && answer != "" {
		err = fmt.Errorf("%s: %s", line, answer)
	}
	return err
}

func (j *judge) stop() error {
	_ = j.cmd.Process.Signal(syscall.SIGTERM)
	<-j.ended
	return j.log.Close()
}
