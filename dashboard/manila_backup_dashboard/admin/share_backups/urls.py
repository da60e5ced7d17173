# SPDX-License-Identifier: Apache-2.0
"""Addresses of the pages of all projects' share backups."""

from django.urls import path

from manila_backup_dashboard.admin.share_backups import views

urlpatterns = [
    path('', views.Index.as_view(), name='index'),
    path('<str:backup_id>/', views.Detail.as_view(), name='detail'),
    path('<str:backup_id>/reset_status/', views.ResetStatus.as_view(),
         name='reset_status'),
]
