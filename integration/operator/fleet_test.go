// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// node is a process of a fleet. All have one configuration; only the environment differs.
type node struct {
	admin, front, spare string
	next                string // the address of the server that the second configuration adds
	gone                bool   // it is not started
}

func (n *node) env() []string {
	_, port, _ := net.SplitHostPort(n.next)
	return append(os.Environ(), "ADMIN="+n.admin, "FRONT="+n.front, "SPARE="+n.spare, "NEXT="+port)
}

// fleetConfig returns the configuration of the fleet, with more lines for the app.
func fleetConfig(dir, server, more string) string {
	return fmt.Sprintf(`{
	admin {env.ADMIN}
	storage file_system %s
	persist_config off
	passthrough {
		frontend tls {
			bind {env.FRONT}
			default_backend web
		}
		backend web {
			server s1 %s
			check tcp {
				interval 100ms
			}
		}
%s	}
}
`, filepath.Join(dir, "state"), server, more)
}

// startedFleet starts three nodes. spoil, unless it is nil, changes the second one before it is
// started.
func startedFleet(t *testing.T, config, server string, spoil func(*testing.T, *node)) (nodes []*node) {
	t.Helper()
	for i := range 3 {
		n := &node{admin: programs.Address(t), front: programs.Address(t), spare: programs.Address(t), next: server}
		nodes = append(nodes, n)
		if i == 1 && spoil != nil {
			spoil(t, n)
		}
		if n.gone {
			continue
		}
		cmd := exec.Command(program.Path(t), "run", "--config", config)
		cmd.Env = n.env()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		until(t, "a node serves", func() bool { return strings.Contains(n.config(), `"web"`) })
	}
	return nodes
}

// config returns the configuration that a node runs, or "".
func (n *node) config() string {
	client := http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get("http://" + n.admin + "/config/")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return string(text)
}

// TestRollingReload runs the script of the documentation: it reloads a fleet of three nodes, and
// stops at the first that fails.
func TestRollingReload(t *testing.T) {
	t.Parallel()
	shell := programs.Need(t, "sh")
	programs.Need(t, "curl")
	script, err := filepath.Abs("../../docs/rolling-reload.sh")
	if err != nil {
		t.Fatal(err)
	}
	const (
		anotherBackend = "\t\tbackend second {\n\t\t\tserver s1 127.0.0.1:{env.NEXT}\n\t\t\tcheck tcp {\n\t\t\t\tinterval 50ms\n\t\t\t}\n\t\t}\n"
		anotherBind    = "\t\tfrontend second {\n\t\t\tbind {env.SPARE}\n\t\t\tdefault_backend web\n\t\t}\n"
	)
	for name, c := range map[string]struct {
		more    string
		spoil   func(t *testing.T, second *node)
		changed []bool // of each node
		says    string
	}{
		"all take it":      {anotherBackend, nil, []bool{true, true, true}, "reloaded"},
		"one cannot":       {anotherBind, occupied, []bool{true, false, false}, "refuses the configuration"},
		"one is not well":  {anotherBackend, func(t *testing.T, n *node) { n.next = programs.Address(t) }, []bool{true, false, false}, "has its former one again"},
		"one is gone":      {anotherBackend, func(_ *testing.T, n *node) { n.gone = true }, []bool{false, false, false}, "not well before the reload"},
		"it is not valid":  {"\t\tbackend second {\n\t\t}\n", nil, []bool{false, false, false}, "the configuration is not valid"},
		"it is unreadable": {"\t\tbackend\n", nil, []bool{false, false, false}, "the configuration is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			config := filepath.Join(dir, "Caddyfile")
			server := &server{name: "s1", address: programs.Address(t)}
			if err := server.start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.stop)
			write := func(more string) {
				if err := os.WriteFile(config, []byte(fleetConfig(dir, server.address, more)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("")
			nodes := startedFleet(t, config, server.address, c.spoil)
			write(c.more)
			settle, wait := "1", "20"
			if name == "one is not well" { // its checks take until then to find out
				settle, wait = "5", "2"
			}
			cmd := exec.Command(shell, script, config, nodes[0].admin, nodes[1].admin, nodes[2].admin)
			cmd.Env = append(nodes[0].env(), "PATH="+filepath.Dir(program.Path(t))+":"+os.Getenv("PATH"), "SETTLE="+settle, "WAIT="+wait)
			out, err := cmd.CombinedOutput()
			whole := c.changed[2]
			if (err == nil) != whole || !strings.Contains(string(out), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
			for i, n := range nodes {
				if got := strings.Contains(n.config(), `"second"`); got != c.changed[i] {
					t.Errorf("node %d: new configuration: %v, want %v\n%s", i+1, got, c.changed[i], out)
				}
			}
		})
	}
}

// occupied takes the address of a node's second frontend.
func occupied(t *testing.T, n *node) {
	ln, err := net.Listen("tcp", n.spare)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
}
