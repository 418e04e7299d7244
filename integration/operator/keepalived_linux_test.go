// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// TestKeepalivedConfig checks the configuration of keepalived in the documentation.
func TestKeepalivedConfig(t *testing.T) {
	t.Parallel()
	keepalived := programs.Need(t, "keepalived")
	text, err := os.ReadFile("../../docs/keepalived.conf")
	if err != nil {
		t.Fatal(err)
	}
	device := ""
	all, err := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagBroadcast != 0 {
			device = i.Name
		}
	}
	if device == "" {
		t.Skip("no interface but the loopback one: ", err)
	}
	valid := strings.NewReplacer("eth0", device, "/usr/bin/caddy passthrough status --exit-code", "/bin/true").Replace(string(text))
	if said := complaints(t, keepalived, valid); said != "" {
		t.Errorf("keepalived says: %s", said)
	}
	if said := complaints(t, keepalived, strings.Replace(valid, "weight", "wieght", 1)); !strings.Contains(said, "wieght") {
		t.Errorf("of a mistake keepalived says %q", said)
	}
}

// complaints returns the messages of keepalived about a configuration. It sends signals to its
// process group when it ends, so it gets one of its own.
func complaints(t *testing.T, keepalived, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(keepalived, "--config-test", "--use-file", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	t.Logf("ended with %v", err)
	return string(out)
}
