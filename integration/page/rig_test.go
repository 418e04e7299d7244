// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// rig is a running program with its page.
type rig struct {
	host, admin, front string

	output *output
}

// output keeps what a program writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// log returns what the program has written.
func (r *rig) log() string {
	r.output.mu.Lock()
	defer r.output.mu.Unlock()
	return r.output.text.String()
}

// newRig starts the program with backends, rules of its frontend and options of its page.
func newRig(t testing.TB, backends, rules, options string) *rig {
	t.Helper()
	r := &rig{host: programs.Address(t), admin: programs.Address(t), front: programs.Address(t), output: new(output)}
	r.run(t, r.caddyfile(backends, rules, options))
	return r
}

func (r *rig) caddyfile(backends, rules, options string) string {
	return fmt.Sprintf(`{
	admin %s
	auto_https off
	persist_config off
	passthrough {
		%s
		frontend tls {
			bind durable/%s
			%s
		}
	}
}
http://%s {
	passthrough_status {
		%s
	}
}
`, r.admin, backends, r.front, rules, r.host, options)
}

// load replaces the configuration.
func (r *rig) load(t testing.TB, caddyfile string) {
	t.Helper()
	answer, err := http.Post("http://"+r.admin+"/load", "text/caddyfile", strings.NewReader(caddyfile))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("loading the configuration: %s: %s", answer.Status, text)
	}
}

// run starts the program, and waits until its page answers.
func (r *rig) run(t testing.TB, caddyfile string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program.Path(t), "run", "--config", file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, r.output, r.output
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the program:\n%.8000s", r.log())
		}
	})
	until(t, "the page answers", func() bool {
		select {
		case <-ended:
			t.Fatal("the program has ended")
		default:
		}
		answer, err := http.Get(r.url("overview"))
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// url returns the address of a view. More parameters follow its name.
func (r *rig) url(view string) string { return "http://" + r.host + "/status/?view=" + view }

// show opens a view in a tab, and waits until it is live.
func (r *rig) show(b *tab, view string) {
	b.t.Helper()
	b.do(chromedp.Navigate(r.url(view)))
	b.until("the page is live", `document.getElementById("live").textContent === "Live"`)
}

// views returns the views of the menu that a tab shows.
func (*rig) views(b *tab) []string {
	b.t.Helper()
	return evaluate[[]string](b, `[...document.querySelectorAll("nav a")].map(a => new URL(a.href).searchParams.get("view"))`)
}

// until waits until a condition holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, patience)
}
