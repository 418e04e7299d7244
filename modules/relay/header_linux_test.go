// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"io"
	"net"
	"testing"
	"time"
)

// A header of the proxy's own reaches the server before the client's bytes, and does not count.
func TestHeaderIsNotCounted(t *testing.T) {
	const header, sent, rest = "header ", "first ", "rest"
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"engine": func(c net.Conn) net.Conn { return c },
		"copied": func(c net.Conn) net.Conn { return struct{ net.Conn }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			client, near := tcpPair(t)
			far, server := tcpPair(t)
			var s Session
			ended := make(endingOwner, 1)
			run := s.StartAfterHeader(wrap(near), wrap(far), []byte(header+sent), len(header), new(Options), ended)
			if run != nil {
				go run()
			}
			if _, err := io.WriteString(client, rest); err != nil {
				t.Fatal(err)
			}
			_ = client.CloseWrite()
			got, err := io.ReadAll(server)
			if string(got) != header+sent+rest || err != nil {
				t.Errorf("the server got %q, %v", got, err)
			}
			server.Close()
			select {
			case r := <-ended:
				if r.In != int64(len(sent+rest)) {
					t.Errorf("%d bytes counted, expected %d", r.In, len(sent+rest))
				}
			case <-time.After(time.Minute):
				t.Fatal("the session goes on")
			}
		})
	}
}

// endingOwner receives the results of sessions.
type endingOwner chan Result

func (endingOwner) Answered() {}

func (o endingOwner) Ended(r Result) { o <- r }
