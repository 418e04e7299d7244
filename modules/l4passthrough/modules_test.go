// SPDX-License-Identifier: Apache-2.0

package l4passthrough_test

// Modules that tests load by name and that import l4passthrough themselves.
import _ "github.com/caddy-passthrough/caddy-passthrough/modules/httpbackend"
