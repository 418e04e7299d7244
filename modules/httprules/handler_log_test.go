// SPDX-License-Identifier: Apache-2.0

package httprules

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// The target in the log keeps its bytes, whatever they are.
func TestTargetInTheLog(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	h := &Handler{Last: true, logger: zap.New(core)}
	r := get("/")
	r.RequestURI = "/\xff?a=\\"
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
	err := h.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		return errors.New("broken")
	}))
	if err != nil || logged.Len() != 1 || logged.All()[0].ContextMap()["target"] != `/\xff?a=\x5c` {
		t.Errorf("%v, logged %v", err, logged.All())
	}
}
