// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Prepare validates the options and reads their files, for users of TLS other than checks.
func (o *TLS) Prepare() error { return o.provision() }

// ClientConfig returns the configuration for a connection that sends serverName as SNI. serverName
// must not be empty unless Verify is set. Prepare must have been called.
func (o *TLS) ClientConfig(serverName string) *tls.Config {
	config := o.config.Clone()
	config.ServerName = serverName
	return config
}

// Options returns the options of a block.
func (o *TLS) Options() options.Table { return o.options() }
