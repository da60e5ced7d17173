# SPDX-License-Identifier: Apache-2.0
"""Address of the page of shares by what protects them."""

from django.urls import path

from manila_backup_dashboard.project.share_backup_coverage import views

urlpatterns = [path('', views.Index.as_view(), name='index')]
