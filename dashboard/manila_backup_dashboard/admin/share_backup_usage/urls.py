# SPDX-License-Identifier: Apache-2.0
"""Address of the page of the usage of all projects."""

from django.urls import path

from manila_backup_dashboard.admin.share_backup_usage import views

urlpatterns = [path('', views.Index.as_view(), name='index')]
