// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// nginx runs nginx with a server section's lines and returns its address.
func nginx(t *testing.T, lines string) (address string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nginx") // paths of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	startNginx(t, dir, "unix", socket, fmt.Sprintf("listen unix:%s;\n%s", socket, lines))
	return socket
}

// startNginx runs nginx with a server section's lines, listening at an address, until the test
// ends.
func startNginx(t *testing.T, dir, network, address, server string) {
	t.Helper()
	config := fmt.Sprintf("daemon off;\nmaster_process off;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nevents {}\nhttp {\n\taccess_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config += fmt.Sprintf("\t%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config+"\tserver {\n"+server+"\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(need(t, "nginx"), "-p", dir, "-c", file)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	for range 1000 {
		if c, err := net.Dial(network, address); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("nginx does not listen: %s", log)
}

// Scripts work with a real server's chunked bodies, redirects and errors.
func TestHTTPScriptsOfNginx(t *testing.T) {
	socket := nginx(t, `
		location /ready { add_header X-Role "old, primary"; return 200 "ready\n"; }
		location /role { return 200 $http_x_token; }
		location /host { return 200 "host is $host, $server_protocol"; }
		location /moved { return 302 /ready; }
		location /gone { return 404; }
`)
	target := pool.Target{Network: "unix", Address: socket, Timeout: ample}
	for name, c := range map[string]struct {
		config string
		code   pool.Code
		info   string
	}{
		"ready":         {`"request": {"uri": "/ready"}, "steps": [{"expect": {"status": ["200"]}}, {"expect": {"header": {"name": "x-role", "value": "primary"}}}, {"expect": {"string": "ready"}}]`, pool.Layer7OK, "200 OK"},
		"another body":  {`"request": {"uri": "/ready"}, "steps": [{"expect": {"regexp": "^steady"}}]`, pool.Layer7Response, `at step 1 (expect regexp "^steady"): 200 OK: got "ready\n"`},
		"no host":       {`"request": {"uri": "/ready", "version": "HTTP/1.1"}`, pool.Layer7Status, `at step 1 (expect status "200-399"): 400 Bad Request`},
		"a host":        {`"request": {"uri": "/host", "version": "HTTP/1.1", "headers": [{"name": "Host", "value": "a.example"}]}, "steps": [{"expect": {"string": "host is a.example, HTTP/1.1"}}]`, pool.Layer7OK, "200 OK"},
		"moved":         {`"request": {"uri": "/moved"}`, pool.Layer7OK, "302 Moved Temporarily"},
		"gone":          {`"request": {"uri": "/gone"}`, pool.Layer7Status, `at step 1 (expect status "200-399"): 404 Not Found`},
		"drains":        {`"request": {"uri": "/gone"}, "drain_on_404": true`, pool.Layer7Stopping, "404 Not Found"},
		"a head alone":  {`"request": {"method": "HEAD", "uri": "/ready"}`, pool.Layer7OK, "200 OK"},
		"nothing there": {`"request": {"method": "POST", "uri": "/none"}`, pool.Layer7Status, `at step 1 (expect status "200-399"): 404 Not Found`},
		"several": {`"steps": [{"connect": {}}, {"request": {"uri": "/ready"}}, {"expect": {"status": ["200"]}}, {"set": {"var": "check.token", "value": "res.hdr(x-role,1)"}},
			{"connect": {}}, {"request": {"uri": "/role", "headers": [{"name": "X-Token", "value": "<%[var(check.token)]>"}]}}, {"expect": {"regexp": "^<old>$"}}]`, pool.Layer7OK, "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			expectResult(t, checked(provisioned(t, "http_script", "{"+c.config+"}"), target), c.code, c.info)
		})
	}
}
