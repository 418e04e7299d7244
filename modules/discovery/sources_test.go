// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// watched is a source that runs. It collects its sets.
type watched struct {
	mu   sync.Mutex
	sets []string
	done chan error
}

func watch(t *testing.T, s Source) *watched {
	t.Helper()
	w := &watched{done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	go func() {
		defer close(ended)
		w.done <- s.Watch(ctx, func(all []Endpoint) {
			var text []string
			for _, e := range all {
				if e.Weight != nil {
					e.Address += fmt.Sprint("*", *e.Weight)
				}
				text = append(text, e.Address)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sets = append(w.sets, strings.Join(text, " "))
		})
	}()
	return w
}

// await waits until the last set is as wanted.
func (w *watched) await(t *testing.T, want string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		w.mu.Lock()
		sets := w.sets
		w.mu.Unlock()
		switch {
		case len(sets) > 0 && sets[len(sets)-1] == want:
			return
		case time.Now().After(deadline):
			t.Fatalf("sets %q, want %q at last", sets, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// fails waits until the source ends with an error.
func (w *watched) fails(t *testing.T, want string) {
	t.Helper()
	if err := <-w.done; err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("%v, want %s", err, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file is read again when it changes: in place, by another file under its name, or by a link.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "servers")
	newFile := func() *File {
		f := &File{Path: path}
		if err := f.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		return f
	}
	watch(t, newFile()).fails(t, "no such file")
	write(t, path, one)
	w := watch(t, newFile())
	w.await(t, one)
	write(t, path, one+"\n"+two+" weight 3")
	w.await(t, one+" "+two+"*3")
	write(t, path+".new", `["`+two+`"]`)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	w.await(t, two)
	write(t, filepath.Join(dir, "other"), one)
	if err := os.Symlink("other", path+".link"); err != nil {
		t.Skip(err)
	}
	if err := os.Rename(path+".link", path); err != nil {
		t.Fatal(err)
	}
	w.await(t, one)
	write(t, path, "[{")
	w.fails(t, path)
	w = watch(t, newFile())
	w.fails(t, "unexpected end")
}

// A server is asked again and again, and sends its servers only if they have changed.
func TestHTTP(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	status, body, unchanged := http.StatusOK, `["`+one+`"]`, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tag := fmt.Sprintf("%q", body)
		switch {
		case r.Header.Get("X-Token") != "secret":
			w.WriteHeader(http.StatusForbidden)
		case status == http.StatusOK && r.Header.Get("If-None-Match") == tag:
			unchanged++
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", tag)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}))
	t.Cleanup(server.Close)
	answer := func(code int, text string) {
		mu.Lock()
		defer mu.Unlock()
		status, body = code, text
	}
	newHTTP := func(token string) *HTTP {
		h := &HTTP{URL: server.URL, Header: http.Header{"X-Token": {token}}, Interval: caddy.Duration(5 * time.Millisecond)}
		if err := h.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		return h
	}
	watch(t, newHTTP("wrong")).fails(t, "403")
	w := watch(t, newHTTP("secret"))
	w.await(t, one)
	// The test times out without such an answer.
	for known := 0; known == 0; time.Sleep(time.Millisecond) {
		mu.Lock()
		known = unchanged
		mu.Unlock()
	}
	answer(http.StatusOK, `{"servers": ["`+two+`"]}`)
	w.await(t, two)
	answer(http.StatusNoContent, "")
	w.await(t, "")
	for text, want := range map[string]string{"": "empty", "<html>": "server address", strings.Repeat(" ", maxSize+1): "empty"} {
		answer(http.StatusOK, text)
		watch(t, newHTTP("secret")).fails(t, want)
	}
	answer(http.StatusBadGateway, "[]")
	watch(t, newHTTP("secret")).fails(t, "502")
}

// Mistakes of a Caddyfile are named.
func TestCaddyfile(t *testing.T) {
	for _, c := range []struct{ input, want string }{
		{"dns_a web.example.com:443", `{"host":"web.example.com","port":443}`},
		{"dns_a web.test:443 {\nresolvers d\nresolve_prefer ipv4\n}", `{"host":"web.test","port":443,"resolvers":"d","resolve_prefer":"ipv4"}`},
		{"dns_a web.test", "expected HOST:PORT"},
		{"dns_a 10.0.0.1:443", "expected the name of a host"},
		{"dns_a web.test:0", "expected a port"},
		{"dns_srv _s._tcp.web.test {\nignore_weight\n}", `{"name":"_s._tcp.web.test","ignore_weight":true}`},
		{"dns_srv web.test", "expected that of SRV records"},
		{"file /etc/servers", `{"path":"/etc/servers"}`},
		{"file", "needs an argument"},
		{"http https://a.test/x {\nheader A b\ninterval 3s\ntimeout 1s\n}", `{"url":"https://a.test/x","header":{"A":["b"]},"interval":3000000000,"timeout":1000000000}`},
		{"http ftp://a.test", "expected one such as"},
		{"http https://a.test {\nheader A\n}", "expected a name and a value"},
	} {
		name, _, _ := strings.Cut(c.input, " ")
		info, err := caddy.GetModule(Namespace + "." + name)
		if err != nil {
			t.Fatal(err)
		}
		m := info.New()
		err = m.(caddyfile.Unmarshaler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.input))
		got := asJSON(t, m)
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, c.want %s", c.input, got, c.want)
		}
	}
}
