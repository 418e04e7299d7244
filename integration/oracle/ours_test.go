// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// startup bounds how long a program may take until it serves.
const startup = time.Minute

// caddy is our program.
type caddy struct {
	path   string
	branch string // of HAProxy, which the configuration is for
}

// findOurs returns the build that CADDY in the environment names, or else one of this tree.
func findOurs(t *testing.T) *caddy {
	t.Helper()
	path := os.Getenv("CADDY")
	if path == "" {
		path = built.Path(t)
	}
	return &caddy{path: path}
}

func (*caddy) String() string { return "here" }

// running is ours while it runs.
type running struct {
	cmd   *exec.Cmd
	log   net.PacketConn
	admin string
	ended chan struct{}
	ready chan struct{}
	journal
}

func (c *caddy) start(dir string, env []string) (process, error) {
	admin, err := programs.FreeAddress()
	if err != nil {
		return nil, err
	}
	log, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &running{admin: admin, log: log, ended: make(chan struct{}), ready: make(chan struct{})}
	go p.listen(log)
	env = append(append(os.Environ(), env...),
		"log="+port(log.LocalAddr().String()), "socket="+filepath.Join(dir, "admin.sock"), "CADDY_ADMIN="+admin, "HAPROXY_BRANCH="+c.branch,
		"HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	config := []string{"--config", "haproxy.cfg", "--adapter", "haproxy"}
	if form != "" {
		file, err := c.inForm(dir, env)
		if err != nil {
			return nil, errors.Join(err, log.Close())
		}
		config = []string{"--config", file}
	}
	p.cmd = exec.Command(c.path, append([]string{"run"}, config...)...)
	p.cmd.Dir, p.cmd.Env = dir, env
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.read(stderr)
	select {
	case <-p.ready:
		return p, nil
	case <-p.ended:
	case <-time.After(startup):
	}
	return nil, errors.Join(fmt.Errorf("Caddy does not run:\n%s", p.printed()), p.stop())
}

// read collects the output until the program ends.
func (p *running) read(stderr io.Reader) {
	defer close(p.ended)
	for in := bufio.NewReader(stderr); ; {
		text, err := in.ReadBytes('\n')
		_, _ = p.Write(text)
		if bytes.Contains(text, []byte(`"serving initial configuration"`)) {
			close(p.ready)
		}
		if err != nil {
			return
		}
	}
}

// set changes a server through the admin endpoint: an absolute weight, disabled and enabled in the
// configuration, everything else at the route for backends.
func (p *running) set(c change) error {
	key := map[string]string{"state": "admin", "health": "health"}[c.word]
	if strings.HasSuffix(c.value, "%") {
		key = c.word
	}
	if key != "" {
		_, err := p.ask(http.MethodPatch, "/passthrough/backends/"+c.backend+"/servers/"+c.server, fmt.Sprintf("{%q: %q}", key, c.value))
		return err
	}
	path := "/config/apps/passthrough/backends/" + c.backend + "/servers"
	answer, err := p.ask(http.MethodGet, path, "")
	if err != nil {
		return err
	}
	var servers []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(answer, &servers); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, s := range servers {
		if s.Name != c.server {
			continue
		}
		path = fmt.Sprintf("%s/%d/", path, i)
		if c.word == "weight" {
			_, err = p.ask(http.MethodPost, path+"weight", c.value)
		} else {
			_, err = p.ask(http.MethodPost, path+"disabled", fmt.Sprint(c.word == "disabled"))
		}
		return err
	}
	return fmt.Errorf("backend %s has no server %s", c.backend, c.server)
}

// ask sends a request to the admin endpoint. It tries again while Caddy replaces the endpoint with
// a configuration: none of the requests differs the second time.
func (p *running) ask(method, path, body string) (answer []byte, err error) {
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var broken *url.Error
		if answer, err = p.askOnce(method, path, body); !errors.As(err, &broken) || time.Now().After(over) {
			return answer, err
		}
	}
}

func (p *running) askOnce(method, path, body string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+p.admin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	// Caddy replaces its admin server, and the old one waits for keep-alive connections.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: startup}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return text, err
}

// stop ends the program, and checks its output.
func (p *running) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(startup):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	err := errors.Join(p.cmd.Wait(), p.log.Close())
	if err != nil {
		err = fmt.Errorf("Caddy ended with %w:\n%s", err, p.printed())
	}
	for _, bad := range []string{"DATA RACE", "panic"} {
		if text := p.printed(); strings.Contains(text, bad) {
			err = errors.Join(err, fmt.Errorf("%s in Caddy's log:\n%s", bad, text))
		}
	}
	return err
}
