// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"io"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// At maxconn, connections that have been accepted are served in the order in which they came.
func TestPlacesInOrder(t *testing.T) {
	hello := hellotest.Hello(t, "a.example.test")
	eachLimited(t, Config{MaxConn: 1}, func(l limitTest) {
		first := l.connect(hello)
		l.served(first)
		order := make(chan int)
		const clients = 30
		for i := range clients {
			client, socket := accepted(l)
			if _, err := client.Write(hello); err != nil {
				l.Fatal(err)
			}
			l.f.Routed().Go(socket)
			go func() {
				_, err := io.ReadFull(client, make([]byte, 2))
				if err != nil {
					l.Errorf("client %d: %v", i, err)
				}
				order <- i
				client.Close()
			}()
		}
		first.Close()
		for want := range clients {
			if got := <-order; got != want {
				l.Errorf("client %d is served as number %d", got, want)
			}
		}
	})
}
