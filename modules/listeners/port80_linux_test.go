// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Of several servers, the one that has asked for the certificate answers. Without one, the first
// response is passed on, such as a redirect to HTTPS; without a response, the status is 502.
func TestChallengeFindsServer(t *testing.T) {
	one := newACMEServerAt(t, "one", "127.0.0.2:0")
	_, port, _ := net.SplitHostPort(one.address)
	one.answer = answering(http.StatusNotFound)
	newACMEServerAt(t, "two", "127.0.0.3:"+port).answer = answering(http.StatusMovedPermanently)
	newACMEServerAt(t, "three", "127.0.0.4:"+port)
	const dead = "127.0.0.5" // nothing listens
	for _, c := range []struct{ hosts, want string }{
		{"127.0.0.4", "200 three"},
		{"127.0.0.2 127.0.0.3 127.0.0.4", "200 three"},
		{dead + " 127.0.0.3 127.0.0.4", "200 three"},
		{"127.0.0.3 127.0.0.2", "301 https://elsewhere.example/"},
		{dead + " 127.0.0.2 127.0.0.3", "404 https://elsewhere.example/"},
		{"127.0.0.3 " + dead, "301 https://elsewhere.example/"},
		{dead, "502"},
	} {
		var servers []string
		for host := range strings.FieldsSeq(c.hosts) {
			servers = append(servers, fmt.Sprintf(`{"name": %q, "address": "%s:443"}`, host, host))
		}
		h := newServers(t, port80Config{sites: fmt.Sprintf(`{"names": ["mail.example.com"], "servers": [%s], "acme_to": ":%s"}`, strings.Join(servers, ","), port)})
		if got := askPort80(t, h, "GET", "mail.example.com", challenge); got != c.want {
			t.Errorf("%s: %q, want %q", c.hosts, got, c.want)
		}
	}
}

func answering(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(status)
	}
}

// A server that does not answer does not keep a challenge from the next one.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	good := newACMEServerAt(t, "good", "127.0.0.3:0")
	_, port, _ := net.SplitHostPort(good.address)
	silent, err := net.Listen("tcp", "127.0.0.2:"+port) // the kernel accepts, nothing answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	h := newServers(t, port80Config{sites: fmt.Sprintf(`{"names": ["mail.example.com"], "servers": [{"name": "a", "address": "127.0.0.2:443"}, {"name": "b", "address": "127.0.0.3:443"}], "acme_to": ":%s"}`, port)})
	if got := askPort80(t, h, "GET", "mail.example.com", challenge); got != "200 good" {
		t.Errorf("%q, want the answer of the second server", got)
	}
}
