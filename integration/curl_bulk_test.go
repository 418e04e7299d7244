// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// noise returns a number of bytes, no two parts of which are alike.
func noise(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), size)
}

func digestOf(t *testing.T, r io.Reader) (sum string, size int64) {
	t.Helper()
	h := sha256.New()
	size, err := io.Copy(h, r)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), size
}

// curl moves 256 MiB each way over TLS, and 10 GiB with make load: the received bytes are the sent
// ones.
func TestCurlBothWays(t *testing.T) {
	curl := programs.Need(t, "curl")
	size := int64(256) << 20
	if os.Getenv("LOAD") != "" {
		size = 10 << 30
	}
	want, _ := digestOf(t, noise(size))
	p, address, ln, _ := startTLS(t)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			sum, _ := digestOf(t, r.Body)
			fmt.Fprint(w, sum)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.Copy(w, noise(size))
	})}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	host, port, _ := strings.Cut(address, ":")
	run := func(stdin io.Reader, args ...string) (sum string, got int64) {
		began := time.Now()
		cmd := exec.Command(curl, append([]string{"-sS", "-k", "--http1.1", "--connect-to", "www.example.test:443:" + host + ":" + port}, args...)...)
		var said bytes.Buffer
		cmd.Stdin, cmd.Stderr = stdin, &said
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		first := new(bytes.Buffer)
		sum, got = digestOf(t, io.TeeReader(out, &limited{first, 100}))
		if err := cmd.Wait(); err != nil {
			t.Errorf("curl: %v\n%s", err, said.String())
		}
		t.Logf("%d MiB in %v", size>>20, time.Since(began).Round(time.Millisecond))
		if stdin != nil { // the server's answer is the digest
			return first.String(), size
		}
		return sum, got
	}
	if sum, got := run(nil, "https://www.example.test/"); sum != want || got != size {
		t.Errorf("to the client: %d bytes, digest %s, want %d, %s", got, sum, size, want)
	}
	if sum, _ := run(noise(size), "-T", "-", "https://www.example.test/"); sum != want {
		t.Errorf("to the server: digest %s, want %s", sum, want)
	}
	for _, l := range p.sessions(t, 2) {
		if !l.isInOrder() || max(l.In, l.Out) < size {
			t.Errorf("log line %+v", l)
		}
	}
}

// limited keeps the first bytes and drops the others.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(l.left, len(b))
	l.left -= n
	if _, err := l.w.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}
