// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

// httpRequest matches the beginning of a request.
var httpRequest = regexp.MustCompile(`^[A-Z]+ `)

// answer is the HTTP part of a server: a request gets the status and, as the body, the server's
// name. So does a request in TLS with this configuration, after a handshake, if the ClientHello has
// no server name, like that of a health check. Any other client is greeted, in plain text.
func answer(status int, config *tls.Config) func(*session) error {
	return func(s *session) error {
		if err := s.awaitData(); err != nil {
			return err
		}
		conn := net.Conn(&feed{session: s, Conn: s.conn})
		switch named, err := s.serverName(); {
		case err == nil && !named:
			conn = tls.Server(conn, config)
		case !httpRequest.Match(s.bytes()):
			return s.greet()
		}
		defer conn.Close()
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return err
		}
		body := s.server + "\n"
		if request.Method == http.MethodHead {
			body = ""
		}
		_, err = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(s.server)+1, body)
		return err
	}
}

// serve is a server that speaks HTTP for as long as the client does: each request gets the status
// after some time, and a body: the server's name, or, for a path below /echo, a line with the
// request as the server received it. The header X-Said marks a server's response.
func serve(status int, after time.Duration, headers []string) func(*session) error {
	return func(s *session) error {
		conn := &feed{session: s, Conn: s.conn}
		in := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(in)
			if err != nil {
				return err
			}
			body, err := io.ReadAll(request.Body)
			if err != nil {
				return err
			}
			time.Sleep(after)
			text := s.server
			if strings.HasPrefix(request.URL.Path, "/echo") {
				text += " " + seen(request, string(body))
			}
			more := strings.Join(append(headers, "X-Said: "+s.server), "\r\n")
			if _, err := fmt.Fprintf(s.conn, "HTTP/1.1 %d %s\r\n%s\r\nContent-Length: %d\r\n\r\n", status, http.StatusText(status), more, len(text)+1); err != nil {
				return err
			}
			if request.Method != http.MethodHead {
				if _, err := io.WriteString(s.conn, text+"\n"); err != nil {
					return err
				}
			}
		}
	}
}

// unseen are headers that curl sends, or that are about the connection.
var unseen = []string{"Accept", "User-Agent", "Connection", "Content-Length", "Content-Type", "Transfer-Encoding"}

// seen returns a request as a server received it: method, target, host, headers sorted by name, and
// body.
func seen(r *http.Request, body string) string {
	parts := []string{r.Method, r.RequestURI}
	if host, _, err := net.SplitHostPort(r.Host); err != nil || net.ParseIP(host) == nil {
		parts = append(parts, "host:"+r.Host)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !slices.Contains(unseen, name) {
			parts = append(parts, strings.ToLower(name)+":"+strings.Join(r.Header[name], "|"))
		}
	}
	if body != "" {
		parts = append(parts, "body:"+body)
	}
	return strings.Join(parts, " ")
}

// serverName reports whether the next ClientHello has a server name. It is an error if none comes.
func (s *session) serverName() (bool, error) {
	for {
		s.mu.Lock()
		hello, err := clienthello.Parse(s.received)
		named, more := err == nil && hello.HasServerName(), s.more
		s.mu.Unlock()
		if !errors.Is(err, clienthello.ErrNeedMore) {
			return named, err
		}
		select {
		case <-more:
		case <-s.ended:
			return false, err
		}
	}
}
