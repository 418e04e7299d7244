// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

const (
	// heartbeat is the longest time without a byte on a stream.
	heartbeat = 15 * time.Second
	// patience is the time that a reader has to take an event.
	patience = 10 * time.Second
)

// stream writes the events of a view until the reader leaves.
func (p *page) stream(w http.ResponseWriter, r *http.Request) {
	q, err := statusview.ParseQuery(r.URL.Query())
	if err == nil {
		_, err = p.build(q)
	}
	if err != nil {
		http.Error(w, err.Error(), control.HTTPStatus(err))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	one, reader, ok := p.feeds.join(q)
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, fmt.Sprintf("streams: expected at most %d", maxStreams), http.StatusServiceUnavailable)
		return
	}
	defer p.feeds.leave(one, reader)
	write(r.Context(), w, reader)
}

// write writes events until the stream ends.
func write(ctx context.Context, w http.ResponseWriter, from *reader) {
	answer := http.NewResponseController(w)
	_ = answer.SetReadDeadline(time.Time{}) // the server's is for requests
	_, _ = fmt.Fprint(w, "retry: 1000\n\n")
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	for answer.Flush() == nil {
		beat.Reset(heartbeat)
		var err error
		select {
		case <-ctx.Done():
			return
		case e, ok := <-from.events:
			if !ok {
				return
			}
			_ = answer.SetWriteDeadline(time.Now().Add(patience))
			_, err = fmt.Fprintf(w, "event: %s\nid: %d\ndata: %s\n\n", e.name, e.id, e.data)
		case <-beat.C:
			_ = answer.SetWriteDeadline(time.Now().Add(patience))
			_, err = fmt.Fprint(w, ":\n\n")
		}
		if err != nil {
			return // the reader is gone
		}
	}
}
