// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package journal

import (
	"context"
	"errors"
	"io"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// dialer returns a dialer that fails: only Linux has systemd.
func dialer(string) syslog.Dialer {
	return syslog.Dialer{Dial: func(context.Context) (io.WriteCloser, error) { return nil, errors.ErrUnsupported }}
}
