# SPDX-License-Identifier: Apache-2.0
"""Filters with which templates show what the service answers."""

from django import template

from manila_backup_dashboard import text

register = template.Library()

register.filter('plain', text.plain)
register.filter('lines', text.lines)
register.filter('size', text.size)
register.filter('gigabytes', text.gigabytes)
register.filter('moment', text.time)
register.filter('words', text.words)
